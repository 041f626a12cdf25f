import dataclasses
from collections import Counter
from contextlib import closing

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jvlgs_jax.data.batch_iterator import Shard, placement
from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.data.clips import MemoryReader
from jvlgs_jax.data.evaluation_batches import evaluation_batches
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.sampling import ClipConfig, Direction
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.errors import UserError


def numbered_reader(*lengths):
    """Scenes whose pixels hold ten times the number of the frame, and of the scene in the truth's first row."""
    scenes = []
    for number, n in enumerate(lengths):
        frames = np.broadcast_to(10 * np.arange(n, dtype=np.uint8)[:, None, None, None], (n, 4, 6, 1)).copy()
        truth = (np.arange(n)[:, None, None] % 2 == np.zeros((1, 4, 6), int)).astype(np.uint8)
        scenes.append(Scene(name=str(number), group="g", frames=frames, truth=truth, frames_per_second=15.0))
    return MemoryReader(scenes, input_planes("grey"))


@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=3),
    t=st.integers(3, 6),
    step=st.integers(1, 3),
    direction=st.sampled_from(Direction),
    count=st.sampled_from([1, 2]),
)
@settings(max_examples=25, deadline=None)
def test_every_frame_counts_exactly_once(lengths, t, step, direction, count):
    config = DataConfig(
        planes="grey", input_size=(4, 6), batch_size=4, clips=ClipConfig(length=t, step=step, direction=direction)
    )
    reader = numbered_reader(*lengths)
    shards = [list(evaluation_batches(reader, config, shard=Shard(index=i, count=count))) for i in range(count)]
    assert len({len(batches) for batches in shards}) == 1
    seen = Counter()
    for batch in (batch for batches in shards for batch in batches):
        assert batch.planes.shape == (4 // count, t, 4, 6, 3)
        assert batch.mask.shape == (4 // count, t - 2, 4, 6, 1)
        np.testing.assert_array_equal(batch.planes[:, : t - 2, 0, 0, 0], 10.0 * batch.frame)
        np.testing.assert_array_equal(batch.mask[..., 0, 0, 0], batch.frame % 2 == 0)
        seen.update(zip(batch.scene[batch.counts].tolist(), batch.frame[batch.counts].tolist(), strict=True))
    assert seen == Counter((scene, frame) for scene, n in enumerate(lengths) for frame in range(n))


def test_only_the_scenes_asked_for():
    config = DataConfig(planes="grey", input_size=(4, 6))
    batches = list(evaluation_batches(numbered_reader(5, 7, 4), config, scenes=[1]))
    counted = [f for batch in batches for f in batch.frame[batch.counts].tolist()]
    assert sorted(counted) == list(range(7))
    assert all(np.all(batch.scene == 1) for batch in batches)
    assert list(evaluation_batches(numbered_reader(5), config, scenes=[])) == []


def test_a_sharded_step_sees_every_frame_once_and_is_compiled_once():
    """Two processes' shares in turn, placed as a validation step would have them."""
    mesh = jax.make_mesh((1,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    place = placement(jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data")))

    @jax.jit
    def gas(batch):
        return (batch.mask.mean(axis=(2, 3, 4)) * batch.counts).sum(), batch.counts.sum()

    config = DataConfig(planes="grey", input_size=(4, 6), batch_size=4, clips=ClipConfig(length=4, step=2))
    totals = np.zeros(2)
    for index in range(2):
        for batch in evaluation_batches(numbered_reader(9, 4), config, shard=Shard(index=index, count=2), place=place):
            assert isinstance(batch.planes, jax.Array)
            totals += gas(batch)
    np.testing.assert_allclose(totals, (5 + 2, 9 + 4))
    assert gas._cache_size() == 1


def test_workers_make_the_same_batches():
    config = DataConfig(planes="grey", input_size=(4, 6), batch_size=2)
    alone = list(evaluation_batches(numbered_reader(5), config))
    with closing(evaluation_batches(numbered_reader(5), dataclasses.replace(config, workers=1))) as batches:
        for batch, expected in zip(batches, alone, strict=True):
            jax.tree.map(np.testing.assert_array_equal, batch, expected)


def test_scores_need_truth():
    reader = numbered_reader(5)
    reader.scenes = [dataclasses.replace(reader.scenes[0], leak=None)]
    with pytest.raises(UserError, match="scene 0 has no truth"):
        evaluation_batches(reader, DataConfig(planes="grey"))
