import dataclasses
from itertools import islice

import numpy as np
import pytest
from orbax.checkpoint import v1 as ocp

from jvlgs_jax.data.augmentation import AugmentationConfig
from jvlgs_jax.data.batches import DataConfig, training_batches
from jvlgs_jax.errors import UserError

CONFIG = DataConfig(planes="temporal", input_size=(32, 48), clip_length=4, batch_size=3)
STILL = AugmentationConfig(
    flip_probability=0.0,
    rotation_probability=0.0,
    brightness=(1.0, 1.0),
    contrast=(1.0, 1.0),
    color=(1.0, 1.0),
    sharpness=(1.0, 1.0),
    salt_and_pepper=0.0,
)


@pytest.fixture
def scenes(make_scene):
    return [make_scene("a", 10, seed=1), make_scene("b", 7, seed=2)]


def assert_same(batches, others):
    for batch, other in zip(batches, others, strict=True):
        np.testing.assert_array_equal(batch.planes, other.planes)
        np.testing.assert_array_equal(batch.mask, other.mask)


def test_shapes_and_ranges(scenes):
    batch = next(training_batches(scenes, CONFIG, seed=0))
    assert batch.planes.shape == (3, 4, 32, 48, 3)
    assert batch.mask.shape == (3, 2, 32, 48, 1)
    assert batch.planes.dtype == batch.mask.dtype == np.float32
    assert 0 <= batch.planes.min() <= batch.planes.max() <= 255
    assert 0 <= batch.mask.min() <= batch.mask.max() <= 1


def test_one_seed_gives_one_sequence(scenes):
    first, second = (list(islice(training_batches(scenes, CONFIG, seed=4), 8)) for _ in range(2))
    assert_same(first, second)
    assert not np.array_equal(first[0].planes, next(training_batches(scenes, CONFIG, seed=5)).planes)


@pytest.mark.parametrize("share", [None, 0.5])
def test_state_resumes_with_the_very_next_batch(scenes, share):
    config = dataclasses.replace(CONFIG, leak_free_share=share)
    straight = training_batches(scenes, config, seed=4)
    list(islice(straight, 7))
    resumed = training_batches(scenes, config, seed=4)
    resumed.set_state(straight.get_state())
    assert_same(islice(straight, 5), islice(resumed, 5))


def test_orbax_saves_and_restores_the_iterator(scenes, tmp_path):
    straight = training_batches(scenes, CONFIG, seed=4)
    list(islice(straight, 7))
    with ocp.training.Checkpointer(tmp_path) as checkpointer:
        checkpointer.save_checkpointables(7, {"data": straight})
    resumed = training_batches(scenes, CONFIG, seed=4)
    with ocp.training.Checkpointer(tmp_path) as checkpointer:
        checkpointer.load_checkpointables(7, {"data": resumed})
    assert_same(islice(straight, 5), islice(resumed, 5))


def clip_ids(scenes, batches):
    """Finds the first frame of every clip by its pixels."""
    config = dataclasses.replace(CONFIG, planes="rgb", input_size=(24, 32), augmentation=STILL, batch_size=1)
    frames = {frame.tobytes(): (s.name, i) for s in scenes for i, frame in enumerate(s.frames)}
    clips = islice(training_batches(scenes, config, seed=0), batches)
    return [frames[np.rint(clip.planes[0, 0, ..., :1]).astype(np.uint8).tobytes()] for clip in clips]


def test_an_epoch_holds_every_clip_once_in_a_new_order(scenes):
    ids = clip_ids(scenes, 34)
    everything = {(s.name, i) for s in scenes for i in range(len(s))}
    assert set(ids[:17]) == set(ids[17:]) == everything
    assert ids[:17] != ids[17:] != sorted(everything)


def test_masks_belong_to_their_frames(make_scene):
    scene = make_scene("a", 8, leak_start=0)
    scene = dataclasses.replace(scene, frames=scene.truth[..., None] * np.uint8(200))
    config = dataclasses.replace(
        CONFIG, planes="rgb", augmentation=dataclasses.replace(STILL, flip_probability=0.5, rotation_probability=0.5)
    )
    for batch in islice(training_batches([scene], config, seed=0), 5):
        agreement = np.corrcoef(batch.planes[:, :2, ..., 0].ravel(), batch.mask[..., 0].ravel())[0, 1]
        assert agreement > 0.95


def test_leak_free_share(scenes):
    config = dataclasses.replace(CONFIG, batch_size=4, leak_free_share=0.25, augmentation=STILL)
    batches = islice(training_batches(scenes, config, seed=0), 25)
    leak_free = np.mean([batch.mask.max(axis=(1, 2, 3, 4)) == 0 for batch in batches])
    assert leak_free == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stride": 0}, "stride is 0, the least is 1"),
        ({"batch_size": 0}, "batch_size is 0, the least is 1"),
        ({"leak_free_share": 1.5}, "leak_free_share is 1.5, it must lie between 0 and 1: use None"),
        ({"clip_length": 2}, "clip_length is 2, the least is 3"),
        ({"planes": "thermal"}, "unknown input planes 'thermal'"),
    ],
)
def test_values_out_of_range(scenes, values, message):
    with pytest.raises(UserError, match=message):
        training_batches(scenes, dataclasses.replace(CONFIG, **values), seed=0)


@pytest.mark.parametrize(("leak_start", "kind"), [(0, "without gas"), (10, "with gas")])
def test_a_share_needs_both_kinds(make_scene, leak_start, kind):
    config = dataclasses.replace(CONFIG, leak_free_share=0.5)
    with pytest.raises(UserError, match=f"no clip is {kind}"):
        training_batches([make_scene("a", 10, leak_start=leak_start)], config, seed=0)


def test_no_scene():
    with pytest.raises(UserError, match="no scene to train on"):
        training_batches([], CONFIG, seed=0)
