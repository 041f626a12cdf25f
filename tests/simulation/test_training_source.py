import json
from dataclasses import replace
from itertools import islice

import jax
import numpy as np
import pytest
from unchanged import UNCHANGED

from jvlgs_jax.data.batch_iterator import Shard
from jvlgs_jax.data.batches import DataConfig, training_batches
from jvlgs_jax.data.clip_source import ClipCut, ClipSource
from jvlgs_jax.data.clips import MemoryReader
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.sampling import ClipConfig, Direction
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.data.subsets import parse_subset
from jvlgs_jax.errors import UserError
from jvlgs_jax.experiment import Experiment, from_config_dict
from jvlgs_jax.simulation.parameters import NEVER
from jvlgs_jax.simulation.planes import temporal_planes
from jvlgs_jax.simulation.training_source import SimulatedClips, simulation_sources

pytestmark = pytest.mark.slow  # compiling the simulator takes half a minute
SCENE = {
    "name": "a",
    "group": "a",
    "frames": np.full((9, 24, 32, 1), 90, np.uint8),
    "truth": np.ones((9, 24, 32), np.uint8),
    "frames_per_second": 15.0,
}
CLIPS = ClipConfig(length=7)
DATA = DataConfig(root=None, planes="temporal", input_size=(96, 96), clips=CLIPS, batch_size=2, augmentation=UNCHANGED)


@pytest.fixture
def source(small_family):
    """Makes a source of the small family, whose number of frames is the clip's whatever it says."""

    def make(planes="temporal", **settings):
        simulated = SimulatedClips(**{"family": replace(small_family, frame_count=99), "clips": 16} | settings)
        return simulation_sources([simulated], input_planes(planes))[0]

    return make


@pytest.fixture
def clips(small_clips):
    return small_clips


def read(source, clip: int, config: ClipConfig):
    (sample,) = source.read([ClipCut(clip, 0, config.direction)], config)
    return sample


def test_a_clip_is_the_simulators_own(clips, source):
    samples = list(source().read([ClipCut(number, 0, Direction.LOOK_AHEAD) for number in (9, 2)], CLIPS))
    for number, sample in zip((9, 2), samples, strict=True):
        alone = jax.tree.map(lambda leaf, n=number: leaf[n], clips)
        np.testing.assert_allclose(sample.planes, np.asarray(temporal_planes(alone)), atol=2e-3)
        truth, ignored = sample.mask.reshape(2, CLIPS.supervised, 96, 96)
        np.testing.assert_array_equal(truth, alone.mask[:-2] == 1)
        np.testing.assert_array_equal(ignored, alone.mask[:-2] == 255)
    assert any(sample.mask.any() for sample in samples)


def test_frames_may_be_skipped_and_turned(clips, source):
    ahead = ClipConfig(length=4, step=2)
    sample = read(source(), 9, ahead)
    np.testing.assert_array_equal(sample.planes[..., 0], clips.frames[9, ::2])
    np.testing.assert_array_equal(sample.mask[:2, ..., 0], clips.mask[9, [0, 2]] == 1)
    back = read(source(), 9, replace(ahead, direction=Direction.PAST_ONLY))
    np.testing.assert_array_equal(back.planes, sample.planes)  # both in the order of time
    np.testing.assert_array_equal(back.mask[:2, ..., 0], clips.mask[9, [4, 6]] == 1)


def test_planes_without_memory_are_the_frames(clips, source):
    np.testing.assert_array_equal(read(source("grey"), 3, CLIPS).planes[..., 1], clips.frames[3])


def test_every_clip_is_known_to_leak_or_not_before_it_is_made(clips, source, small_family):
    index = source().index(CLIPS, parse_subset("10%"), 0)
    np.testing.assert_array_equal(index.leaks, clips.parameters.plumes.onset[:, 0] < NEVER)
    assert index.leaks.mean() == 0.75
    share = [replace(small_family, plume=replace(small_family.plume, leak_free=share)) for share in (0.0, 0.317, 1.0)]
    leaks = [source(family=family, clips=3000).index(CLIPS, parse_subset("all"), 0).leaks.mean() for family in share]
    assert leaks == [1.0, 1 - 0.317, 0.0]


def test_batches_say_what_is_to_be_ignored_and_recordings_ignore_nothing(source):
    recording = ClipSource(reader=MemoryReader([Scene(**SCENE)], input_planes("temporal")))
    batches = training_batches([source(), recording], replace(DATA, batch_size=8), seed=1)
    batch = next(batches)
    batches.close()
    assert batch.planes.shape == (8, 7, 96, 96, 3)
    assert batch.mask.shape == batch.ignored.shape == (8, 5, 96, 96, 1)
    assert not (batch.mask * batch.ignored).any()
    marked = batch.ignored.any(axis=(1, 2, 3, 4))
    assert 0 < marked.sum() <= 4  # half of the clips are recorded
    alone = training_batches([recording], DATA, seed=1)
    assert next(alone).ignored is None
    alone.close()


def test_any_share_without_a_leak_can_be_asked_for(source):
    batches = training_batches([source()], replace(DATA, batch_size=8, leak_free_share=0.5), seed=0)
    batch = next(batches)
    batches.close()
    assert batch.mask.any(axis=(1, 2, 3, 4)).sum() <= 4


def test_processes_share_the_batches_and_a_resumed_run_gets_the_next_one(source):
    def start(**settings):
        return training_batches([source()], DATA, seed=3, **settings)

    whole = start()
    straight = list(islice(whole, 3))
    assert len({batch.planes.tobytes() for batch in straight}) == 3
    for index in range(2):
        part = start(shard=Shard(index=index, count=2))
        np.testing.assert_array_equal(next(part).planes, straight[0].planes[index : index + 1])
        part.close()
    resumed = start()
    resumed.set_state({"batches": 2})
    for found, expected in zip(next(resumed), straight[2], strict=True):
        np.testing.assert_array_equal(found, expected)
    resumed.close()
    whole.close()


def test_an_experiment_keeps_the_whole_family(small_family):
    experiment = Experiment(data=DATA, simulated=(SimulatedClips(family=small_family, weight=2.0, abreast=4),))
    assert from_config_dict(json.loads(experiment.to_json())) == experiment


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"clips": 0}, r"simulated\.clips is 0: it must lie between 1"),
        ({"abreast": 0}, r"simulated\.abreast is 0, the least is 1"),
        ({"weight": -1.0}, r"weight is -1\.0, it must be positive"),
    ],
)
def test_values_out_of_range(values, message):
    with pytest.raises(UserError, match=message):
        SimulatedClips(**values)
