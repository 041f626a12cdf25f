import cv2
import numpy as np
import pytest

from jvlgs_jax.data.layouts import find_scenes
from jvlgs_jax.data.planes import TemporalPlanes
from jvlgs_jax.data.records.recorder import SceneRecorder, decode_means, encode_means

FRAMES = np.random.default_rng(0).integers(0, 256, (11, 24, 32), dtype=np.uint8)


@pytest.fixture
def scene(tmp_path, write_image):
    for number, frame in enumerate(FRAMES):
        gas = np.zeros((24, 32), np.uint8)
        gas[: 6 * (number == 4) + 12 * (number > 4)] = 255
        write_image(tmp_path / "bay" / "images" / f"{number}.png", frame)
        write_image(tmp_path / "bay" / "masks" / f"{number}.png", gas)
    return find_scenes(tmp_path)[0]


def test_records_hold_runs_of_frames_and_the_summary_their_sum(scene):
    recorder = SceneRecorder(scene, frames_per_record=4)
    records = list(recorder)
    assert [record["first_frame"] for record in records] == [0, 4, 8]
    assert [len(record["frames"]) for record in records] == [4, 4, 3]
    assert records[1]["leak"] == [True] * 4
    np.testing.assert_allclose(records[2]["times"], [8 / 15, 9 / 15, 10 / 15])
    summary = recorder.summary("train", 5)
    assert (summary.info.length, summary.info.size, summary.first, summary.channels) == (11, (24, 32), 5, 1)
    np.testing.assert_array_equal(summary.info.leak, np.arange(11) >= 4)
    assert summary.areas == (0.25, 0.5, 0.5)


def test_image_files_are_kept_byte_for_byte(scene):
    (record,) = SceneRecorder(scene, frames_per_record=32)
    assert record["frames"] == [file.read_bytes() for file in scene.pictures.files]


def test_the_memory_goes_on_where_the_frames_before_stopped(scene):
    record = list(SceneRecorder(scene, frames_per_record=4))[2]
    stream = TemporalPlanes().stream()
    for frame in FRAMES[:8]:
        stream.push(frame[..., None])
    memory = decode_means(record["memory"], 8)
    assert memory.seen == 8
    np.testing.assert_allclose(memory.means, stream.memory.means, atol=0.501 / 256)


def test_before_the_first_frame_there_is_no_memory():
    assert encode_means(TemporalPlanes().stream().memory) == []
    assert decode_means([], 0).seen == 0


def test_masks_are_stored_where_viewers_show_them(scene):
    (record,) = SceneRecorder(scene, frames_per_record=32)
    mask = cv2.imdecode(np.frombuffer(record["masks"][4], np.uint8), cv2.IMREAD_UNCHANGED)
    assert set(np.unique(mask)) == {0, 255}
    assert mask[0, 0] == 255
