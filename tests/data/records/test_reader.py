import pickle
import shutil

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jvlgs_jax.data.clips import ClipReader, MemoryReader
from jvlgs_jax.data.layouts import load_scenes
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.records.prepare import prepare
from jvlgs_jax.data.records.reader import RecordReader
from jvlgs_jax.errors import UserError

SIZE = (24, 32)
LENGTHS = {"bay": 50, "pier": 13}  # the first goes past the planes' warm-up; records hold 8 frames


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Two scenes of noise with gas in the later frames, one of them in colour, and one without truth."""
    root = tmp_path_factory.mktemp("raw")
    draws = np.random.default_rng(0)
    for name, length in {**LENGTHS, "unknown": 9}.items():
        for kind in ("images", "masks"):
            (root / name / kind).mkdir(parents=True)
        for number in range(length):
            colors = (3,) if name == "pier" else ()
            suffix = "jpg" if name == "pier" else "png"
            image = draws.integers(0, 256, (*SIZE, *colors), dtype=np.uint8)
            mask = 255 * ((draws.random(SIZE) < 0.2) & (number > 5)).astype(np.uint8)
            cv2.imwrite(str(root / name / "images" / f"{number}.{suffix}"), image)
            if name != "unknown":
                cv2.imwrite(str(root / name / "masks" / f"{number}.png"), mask)
    (root / "unknown" / "masks").rmdir()
    return root


@pytest.fixture(scope="module")
def data_dir(raw, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    prepare("gas_folder", manual_dir=raw, data_dir=folder)
    return folder


@pytest.fixture(scope="module")
def scenes(raw):
    return load_scenes(raw, "gas_folder")


@pytest.fixture(scope="module", params=["rgb", "grey", "temporal"])
def readers(request, data_dir, scenes):
    planes = input_planes(request.param)
    return RecordReader(data_dir, "gas_folder", planes), MemoryReader(scenes, planes), planes


def test_it_is_a_clip_reader_of_the_same_scenes(readers):
    records, memory, _ = readers
    assert isinstance(records, ClipReader)
    for ours, theirs in zip(records.scenes, memory.scenes, strict=True):
        assert (ours.name, ours.group, ours.length, ours.size) == (
            theirs.name,
            theirs.group,
            theirs.length,
            theirs.size,
        )
        assert ours.source == "gas_folder"
        np.testing.assert_array_equal(ours.leak, theirs.leak)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_clips_equal_those_from_memory(readers, data):
    records, memory, planes = readers
    scene = data.draw(st.integers(0, 1), "scene")
    frame = st.integers(0, records.scenes[scene].length - 1)
    frames = np.array(data.draw(st.lists(frame, min_size=1, max_size=9), "frames"))
    supervised = np.array(data.draw(st.lists(frame, max_size=3), "supervised"), int)
    ours, theirs = (reader.read(scene, frames, supervised) for reader in (records, memory))
    # Means are stored to half a 256th of a grey level, on disk and in memory.
    tolerance = 0 if planes.steps_per_level == 1 else 1.01 / planes.steps_per_level
    expected = np.broadcast_to(theirs.planes, ours.planes.shape)  # memory keeps one of three equal planes
    np.testing.assert_allclose(ours.planes, expected, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(ours.mask, theirs.mask)


def test_a_clip_far_into_a_recording_reads_few_records(data_dir, monkeypatch):
    reader = RecordReader(data_dir, "gas_folder", input_planes("temporal"))
    read = []
    fetch = reader.fetch
    monkeypatch.setattr(reader, "fetch", lambda scene, run: read.append(run) or fetch(scene, run))
    reader.read(0, np.arange(44, 49), np.arange(44, 47))
    assert sorted(read) == [5, 6]


def test_a_scene_without_truth_has_planes_but_no_masks(data_dir):
    reader = RecordReader(data_dir, "gas_folder", input_planes("rgb"))
    assert reader.scenes[2].leak is None
    assert reader.read(2, np.arange(3), np.arange(0)).mask.shape == (0, *SIZE, 1)
    with pytest.raises(UserError, match="scene unknown has no truth"):
        reader.read(2, np.arange(3), np.arange(1))
    assert reader.load(2).truth is None


def test_a_scene_loads_whole(data_dir, scenes):
    reader = RecordReader(data_dir, "gas_folder", input_planes("rgb"))
    for number, scene in enumerate(scenes[:2]):
        loaded = reader.load(number)
        np.testing.assert_array_equal(loaded.frames, scene.frames)
        np.testing.assert_array_equal(loaded.truth, scene.truth)


def test_a_subset_and_a_pickled_copy_read_the_same(data_dir):
    reader = RecordReader(data_dir, "gas_folder", input_planes("temporal"))
    frames = np.arange(7, 10)
    expected = reader.read(1, frames, frames[:1])  # opens the files
    copy = pickle.loads(pickle.dumps(reader.subset([2, 1]).subset([1])))
    assert [scene.name for scene in copy.scenes] == ["pier"]
    np.testing.assert_array_equal(copy.read(0, frames, frames[:1]).planes, expected.planes)


def test_16_bits_keep_their_fractions(tmp_path):
    raw = np.random.default_rng(0).integers(9000, 9400, (11, *SIZE), dtype=np.uint16)
    (tmp_path / "raw" / "yard").mkdir(parents=True)
    for number, frame in enumerate(raw):
        cv2.imwrite(str(tmp_path / "raw" / "yard" / f"{number}.tiff"), frame)
    prepare("gas_folder", manual_dir=tmp_path / "raw", data_dir=tmp_path)
    planes = RecordReader(tmp_path, "gas_folder", input_planes("temporal")).read(0, np.arange(11), np.arange(0)).planes
    slope, offset = np.polyfit(raw.ravel(), planes[..., 0].ravel(), 1)
    np.testing.assert_allclose(planes[..., 0], slope * raw + offset, atol=1e-2)
    assert 0 <= planes.min() < planes.max() <= 255
    mean = slope * raw[:10].mean(axis=0) + offset
    np.testing.assert_allclose(planes[10, ..., 1], mean, atol=2e-2)


def test_damage_names_the_record(data_dir, tmp_path):
    shutil.copytree(data_dir, tmp_path, dirs_exist_ok=True)
    (shard,) = tmp_path.glob("*/*/*.array_record-*")
    content = bytearray(shard.read_bytes())
    content[len(content) // 3] ^= 0xFF
    shard.write_bytes(content)
    reader = RecordReader(tmp_path, "gas_folder", input_planes("temporal"))
    with pytest.raises(UserError, match=r"record \d+ of train, with frames of scene \w+, is missing or damaged"):
        [reader.check(scene) for scene in range(3)]


def test_a_missing_shard(data_dir, tmp_path):
    shutil.copytree(data_dir, tmp_path, dirs_exist_ok=True)
    (shard,) = tmp_path.glob("*/*/*.array_record-*")
    shard.unlink()
    reader = RecordReader(tmp_path, "gas_folder", input_planes("rgb"))
    with pytest.raises(UserError, match=r"record 0 of train.*: prepare the dataset again"):
        reader.read(0, np.arange(1), np.arange(0))
