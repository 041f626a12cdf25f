import numpy as np
import pytest

from jvlgs_jax.data.batches import DataConfig, MixedDataset, training_batches
from jvlgs_jax.data.dataset import open_dataset
from jvlgs_jax.data.records.prepare import prepare
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.errors import UserError


@pytest.fixture
def raw(tmp_path, write_image):
    """Three scenes of six frames, the last three with gas."""
    rng = np.random.default_rng(0)
    for name in ("1", "2", "9"):
        for number in range(6):
            write_image(tmp_path / "raw" / name / "images" / f"{number}.png", rng.integers(0, 256, (24, 32), np.uint8))
            write_image(tmp_path / "raw" / name / "masks" / f"{number}.png", 200 * (number > 2), (24, 32))
    return tmp_path / "raw"


@pytest.fixture
def prepared(raw, tmp_path):
    prepare("simgas", manual_dir=raw, data_dir=tmp_path / "data")
    return tmp_path / "data"


def config(**values):
    chosen = {"split": "hold_out:9", "planes": "temporal", "input_size": (32, 32), "batch_size": 2}
    return DataConfig(**chosen | values, clips=ClipConfig(length=4))


def test_a_prepared_dataset_trains_and_evaluates_on_what_the_raw_one_does(raw, prepared):
    from_raw = open_dataset(raw, config(layout="simgas"))
    from_records = open_dataset(prepared, config(dataset="simgas"))
    expected, found = (
        next(training_batches(dataset.training, config(), seed=3)) for dataset in (from_raw, from_records)
    )
    np.testing.assert_allclose(found.planes, expected.planes, atol=0.02)
    np.testing.assert_array_equal(found.mask, expected.mask)
    (scene,), (expected_scene,) = list(from_records.held_out), from_raw.held_out
    assert scene.name == expected_scene.name == "9"
    np.testing.assert_array_equal(scene.frames, expected_scene.frames)
    np.testing.assert_array_equal(scene.truth, expected_scene.truth)


def test_raw_files_are_divided_as_their_layout_states(tmp_path, write_image):
    for split, scene in (("train", "pipe"), ("val", "flare"), ("test", "well")):
        for kind in ("images", "masks"):
            write_image(tmp_path / split / scene / kind / "0.png", 255)
    dataset = open_dataset(tmp_path, config(layout="igs_few", split="stated/test", validation="stated/val"))
    (source,) = dataset.training
    assert [(scene.name, scene.split) for scene in source.reader.scenes] == [("train/pipe", "train")]
    assert [scene.name for scene in dataset.held_out] == ["test/well"]
    assert [scene.name for scene in dataset.validation] == ["val/flare"]


def test_held_out_scenes_are_a_sequence(prepared):
    held_out = open_dataset(prepared, config(dataset="simgas", split="hold_out:1,9,2")).held_out
    assert [scene.name for scene in held_out[1:]] == ["2", "9"]
    assert held_out[-1].name == "9"
    with pytest.raises(IndexError):
        held_out[3]


def test_validation_scenes_are_neither_trained_on_nor_reported(raw, prepared):
    for root, more in ((raw, {"layout": "simgas"}), (prepared, {"dataset": "simgas"})):
        for split, validation, parts in (
            ("all", "hold_out:9", ([], ["9"], ["1", "2"])),
            ("hold_out:9", "hold_out:1,2,9", (["9"], ["1", "2"], [])),
        ):
            dataset = open_dataset(root, config(**more, split=split, validation=validation))
            (source,) = dataset.training
            trained = range(len(source.reader.scenes)) if source.scenes is None else source.scenes
            names = [scene.name for scene in dataset.held_out], [scene.name for scene in dataset.validation]
            assert (*names, [source.reader.scenes[number].name for number in trained]) == parts
    with pytest.raises(UserError, match=r"data\.validation is 'hold_out:9', but data\.split 'hold_out:9' holds all"):
        open_dataset(raw, config(layout="simgas", validation="hold_out:9"))


def test_a_prepared_dataset_must_be_named(prepared):
    with pytest.raises(UserError, match=r"holds prepared datasets: name one with --config\.data\.dataset=NAME"):
        open_dataset(prepared, config())


def test_leak_free_recordings_are_mixed_in_at_their_weight(raw, tmp_path, write_image):
    for number in range(5):
        write_image(tmp_path / "quiet" / "yard" / f"{number}.png", 7, (24, 32))
    quiet = MixedDataset(root=str(tmp_path / "quiet"), layout="gas_folder", weight=3.0, leak_free=True)
    settings = config(layout="simgas", planes="rgb", mixed_with=(quiet,), batch_size=8)
    sources = open_dataset(raw, settings).training
    batches = training_batches(sources, settings, seed=0)
    drawn = [next(batches) for _ in range(10)]
    batches.close()
    planes = np.concatenate([batch.planes for batch in drawn])
    masks = np.concatenate([batch.mask for batch in drawn])
    # 7 grey levels are darker than any augmented noise
    from_quiet = planes.reshape(len(planes), -1).max(1) < 30
    assert from_quiet.mean() == pytest.approx(0.75, abs=0.05)
    assert not np.rint(masks[from_quiet].mean((1, 2, 3, 4)) * 10).any()  # but for salt and pepper
    assert masks[~from_quiet].max() > 0.9
