import dataclasses
from itertools import islice

import jax
import numpy as np
import pytest
from orbax.checkpoint import v1 as ocp
from unchanged import UNCHANGED

from jvlgs_jax.data.batch_iterator import Shard
from jvlgs_jax.data.batches import DataConfig, steps_per_epoch, training_batches
from jvlgs_jax.data.clip_source import ClipSource
from jvlgs_jax.data.clips import MemoryReader
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.sampling import ClipConfig, Direction
from jvlgs_jax.errors import UserError

CONFIG = DataConfig(planes="temporal", input_size=(32, 48), clips=ClipConfig(length=4), batch_size=3)


@pytest.fixture
def scenes(make_scene):
    return [make_scene("a", 10, seed=1), make_scene("b", 7, seed=2)]


def source(*scenes, planes="temporal", **settings):
    return ClipSource(reader=MemoryReader(scenes, input_planes(planes)), **settings)


def batches_of(scenes, config, *, seed, **settings):
    return training_batches([source(*scenes, planes=config.planes)], config, seed=seed, **settings)


def assert_same(batches, others):
    for batch, other in zip(batches, others, strict=True):
        np.testing.assert_array_equal(batch.planes, other.planes)
        np.testing.assert_array_equal(batch.mask, other.mask)


def test_shapes_and_ranges(scenes):
    batch = next(batches_of(scenes, CONFIG, seed=0))
    assert batch.planes.shape == (3, 4, 32, 48, 3)
    assert batch.mask.shape == (3, 2, 32, 48, 1)
    assert batch.planes.dtype == batch.mask.dtype == np.float32
    assert 0 <= batch.planes.min() <= batch.planes.max() <= 255
    assert 0 <= batch.mask.min() <= batch.mask.max() <= 1


def test_one_seed_gives_one_sequence(scenes):
    first, second = (list(islice(batches_of(scenes, CONFIG, seed=4), 8)) for _ in range(2))
    assert_same(first, second)
    assert not np.array_equal(first[0].planes, next(batches_of(scenes, CONFIG, seed=5)).planes)


@pytest.mark.parametrize("share", [None, 0.5])
def test_state_resumes_with_the_very_next_batch(scenes, share):
    config = dataclasses.replace(CONFIG, leak_free_share=share)
    straight = batches_of(scenes, config, seed=4)
    list(islice(straight, 7))
    resumed = batches_of(scenes, config, seed=4)
    resumed.set_state(straight.get_state())
    assert_same(islice(straight, 5), islice(resumed, 5))


def test_orbax_saves_and_restores_the_iterator(scenes, tmp_path):
    straight = batches_of(scenes, CONFIG, seed=4)
    list(islice(straight, 7))
    with ocp.training.Checkpointer(tmp_path) as checkpointer:
        checkpointer.save_checkpointables(7, {"data": straight})
    resumed = batches_of(scenes, CONFIG, seed=4)
    with ocp.training.Checkpointer(tmp_path) as checkpointer:
        checkpointer.load_checkpointables(7, {"data": resumed})
    assert_same(islice(straight, 5), islice(resumed, 5))


def clip_ids(scenes, batches):
    """Finds the first frame of every clip by its pixels."""
    config = dataclasses.replace(CONFIG, planes="rgb", input_size=(24, 32), augmentation=UNCHANGED, batch_size=1)
    frames = {frame.tobytes(): (s.name, i) for s in scenes for i, frame in enumerate(s.frames)}
    clips = islice(batches_of(scenes, config, seed=0), batches)
    return [frames[np.rint(clip.planes[0, 0, ..., :1]).astype(np.uint8).tobytes()] for clip in clips]


def test_an_epoch_holds_every_clip_once_in_a_new_order(scenes):
    ids = clip_ids(scenes, 34)
    everything = {(s.name, i) for s in scenes for i in range(len(s))}
    assert set(ids[:17]) == set(ids[17:]) == everything
    assert ids[:17] != ids[17:] != sorted(everything)


def test_an_epoch_is_as_long_as_the_clips_of_the_first_source(make_scene):
    own, other = make_scene("a", n=10), make_scene("b", n=6)
    config = DataConfig(planes="temporal", input_size=(32, 32), batch_size=4, clips=ClipConfig(length=3, stride=2))
    assert steps_per_epoch([source(own, other), source(other)], config) == 8 / 4
    assert steps_per_epoch([source(own, other, scenes=[1])], config) == 3 / 4


def test_masks_belong_to_their_frames(make_scene):
    scene = make_scene("a", 8, leak_start=0)
    scene = dataclasses.replace(scene, frames=scene.truth[..., None] * np.uint8(200))
    turned = dataclasses.replace(UNCHANGED, flip_probability=0.5, rotation_probability=0.5)
    config = dataclasses.replace(CONFIG, planes="rgb", augmentation=turned)
    for batch in islice(batches_of([scene], config, seed=0), 5):
        agreement = np.corrcoef(batch.planes[:, :2, ..., 0].ravel(), batch.mask[..., 0].ravel())[0, 1]
        assert agreement > 0.95


def test_leak_free_share(scenes):
    config = dataclasses.replace(CONFIG, batch_size=4, leak_free_share=0.25, augmentation=UNCHANGED)
    batches = islice(batches_of(scenes, config, seed=0), 25)
    leak_free = np.mean([batch.mask.max(axis=(1, 2, 3, 4)) == 0 for batch in batches])
    assert leak_free == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0, the least is 1"),
        ({"workers": -1}, "workers is -1, the least is 0"),
        ({"input_size": (32, 0)}, r"input_size is \(32, 0\), the least is \(1, 1\)"),
        ({"leak_free_share": 1.5}, "leak_free_share is 1.5, it must lie between 0 and 1: use None"),
        ({"planes": "thermal"}, "unknown input planes 'thermal'"),
        ({"split": "groupd/0"}, "unknown split 'groupd/0'"),
        ({"subset": "5shot"}, "unknown subset '5shot'"),
    ],
)
def test_values_out_of_range(values, message):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(CONFIG, **values)


@pytest.mark.parametrize(("leak_start", "kind"), [(0, "without gas"), (10, "with gas")])
def test_a_share_needs_both_kinds(make_scene, leak_start, kind):
    config = dataclasses.replace(CONFIG, leak_free_share=0.5)
    with pytest.raises(UserError, match=f"no clip is {kind}"):
        batches_of([make_scene("a", 10, leak_start=leak_start)], config, seed=0)


@pytest.mark.parametrize("sources", [[], [source()]])
def test_no_scene(sources):
    with pytest.raises(UserError, match="no scene to train on"):
        training_batches(sources, CONFIG, seed=0)


def test_training_needs_truth(make_scene):
    scene = dataclasses.replace(make_scene("b"), truth=None)
    with pytest.raises(UserError, match="scene b has no truth: training needs masks"):
        batches_of([make_scene("a"), scene], CONFIG, seed=0)


def level_scene(make_scene, name, level, n=10):
    """A scene of one grey level, by which its clips are recognised."""
    scene = make_scene(name, n)
    return dataclasses.replace(scene, frames=np.full_like(scene.frames, level))


def levels(batches, count):
    return [float(level) for batch in islice(batches, count) for level in batch.planes[:, 0, 0, 0, 0]]


def test_sources_are_mixed_by_weight(make_scene):
    real, simulated = (level_scene(make_scene, name, level, 9) for name, level in (("real", 50), ("simulated", 90)))
    sources = [source(real, weight=1.0), source(simulated, weight=3.0)]
    config = dataclasses.replace(CONFIG, augmentation=UNCHANGED, batch_size=4)
    drawn = levels(training_batches(sources, config, seed=0), 50)
    assert sorted(set(drawn)) == [50, 90]
    assert drawn.count(90) / len(drawn) == pytest.approx(0.75, abs=0.01)
    with pytest.raises(UserError, match=r"weight is 0\.0, it must be positive"):
        source(real, weight=0.0)


def test_leak_free_negatives_of_their_own(make_scene):
    leaking = dataclasses.replace(level_scene(make_scene, "gas", 50), truth=make_scene("gas", leak_start=0).truth)
    clean = [
        dataclasses.replace(level_scene(make_scene, n, v), truth=np.zeros((10, 24, 32), np.uint8))
        for n, v in (("sky", 90), ("steam", 130))
    ]
    sources = [source(leaking), source(clean[0], weight=1.0), source(clean[1], weight=2.0)]
    config = dataclasses.replace(CONFIG, augmentation=UNCHANGED, batch_size=4, leak_free_share=0.25)
    drawn = levels(training_batches(sources, config, seed=0), 60)
    shares = [drawn.count(level) / len(drawn) for level in (50, 90, 130)]
    np.testing.assert_allclose(shares, [0.75, 0.25 / 3, 0.5 / 3], atol=0.01)


def test_only_the_scenes_asked_for(make_scene):
    scenes = [level_scene(make_scene, str(level), level) for level in (40, 80, 120)]
    config = dataclasses.replace(CONFIG, augmentation=UNCHANGED)
    assert set(levels(training_batches([source(*scenes, scenes=[0, 2])], config, seed=0), 20)) == {40, 120}


def numbered_scene(make_scene, n=30):
    """A scene whose grey level is 8 times the number of the frame, with gas in the upper half from frame 10 on."""
    scene = make_scene("numbered", n, leak_start=10)
    frames = np.broadcast_to(8 * np.arange(n, dtype=np.uint8)[:, None, None, None], scene.frames.shape).copy()
    truth = np.zeros((n, 24, 32), np.uint8)
    truth[10:, :12] = 1
    return dataclasses.replace(scene, frames=frames, truth=truth)


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("reversal", [0.0, 1.0])
def test_the_frame_asked_about_comes_first(make_scene, direction, reversal):
    clips = ClipConfig(length=4, step=2, direction=direction, reversal_probability=reversal)
    config = dataclasses.replace(CONFIG, planes="grey", clips=clips, augmentation=UNCHANGED)
    ahead = (direction == Direction.LOOK_AHEAD) != bool(reversal)
    for batch in islice(batches_of([numbered_scene(make_scene)], config, seed=0), 12):
        numbers = batch.planes.mean(axis=(2, 3, 4)) / 8
        for clip, mask in zip(numbers, batch.mask, strict=True):
            first = clip[0]
            expected = np.clip(first + (2 if ahead else -2) * np.arange(4), 0, 29)
            np.testing.assert_allclose(clip, expected, atol=1e-3)
            np.testing.assert_array_equal(mask[:, 0, 0, 0], expected[:2] >= 10)


def test_time_is_reversed_as_often_as_asked(make_scene):
    clips = ClipConfig(length=3, reversal_probability=0.25)
    config = dataclasses.replace(CONFIG, planes="grey", clips=clips, augmentation=UNCHANGED, batch_size=10)
    batches = list(islice(batches_of([numbered_scene(make_scene)], config, seed=0), 40))
    slopes = np.concatenate([(b.planes[:, 2] - b.planes[:, 0]).mean(axis=(1, 2, 3)) for b in batches])
    assert np.mean(slopes[slopes != 0] < 0) == pytest.approx(0.25, abs=0.06)


def test_kshot_training_sees_few_clips(make_scene):
    config = dataclasses.replace(CONFIG, planes="grey", augmentation=UNCHANGED, subset="kshot:3")
    assert len(set(levels(batches_of([numbered_scene(make_scene)], config, seed=0), 30))) == 3
    other = dataclasses.replace(config, subset_seed=1)
    first, second = (set(levels(batches_of([numbered_scene(make_scene)], c, seed=0), 12)) for c in (config, other))
    assert first != second
    assert first == set(levels(batches_of([numbered_scene(make_scene)], config, seed=9), 12))


@pytest.mark.parametrize("count", [2, 3, 6])
def test_processes_share_the_rows_of_the_same_batches(scenes, count):
    config = dataclasses.replace(CONFIG, batch_size=6, leak_free_share=0.5)
    whole = list(islice(batches_of(scenes, config, seed=3), 6))
    shards = [Shard(index=i, count=count) for i in range(count)]
    parts = [islice(batches_of(scenes, config, seed=3, shard=shard), 6) for shard in shards]
    joined = [jax.tree.map(lambda *part: np.concatenate(part), *rows) for rows in zip(*parts, strict=True)]
    assert_same(joined, whole)


def test_rows_are_shared_equally(scenes):
    with pytest.raises(UserError, match=r"data.batch_size is 3, shared by 2 processes: use a multiple of 2"):
        batches_of(scenes, CONFIG, seed=0, shard=Shard(index=0, count=2))


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2), (2, 3)])
def test_another_number_of_processes_goes_on_at_the_same_clip(scenes, tmp_path, before, after):
    config = dataclasses.replace(CONFIG, batch_size=6)
    straight = list(islice(batches_of(scenes, config, seed=3), 8))
    first = [batches_of(scenes, config, seed=3, shard=Shard(index=i, count=before)) for i in range(before)]
    for batches in first:
        list(islice(batches, 5))
    with ocp.training.Checkpointer(tmp_path) as checkpointer:
        checkpointer.save_checkpointables(5, {"data": first[0]})
    second = [batches_of(scenes, config, seed=3, shard=Shard(index=i, count=after)) for i in range(after)]
    for batches in second:
        with ocp.training.Checkpointer(tmp_path) as checkpointer:
            checkpointer.load_checkpointables(5, {"data": batches})
    rows = [[next(batches) for batches in second] for _ in range(3)]
    assert_same([jax.tree.map(lambda *part: np.concatenate(part), *r) for r in rows], straight[5:])
