from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jvlgs_jax.data.planes import TemporalPlanes
from jvlgs_jax.simulation.captions import caption
from jvlgs_jax.simulation.clip import SimulatedClip, simulate_batch
from jvlgs_jax.simulation.parameters import draw_parameters
from jvlgs_jax.simulation.planes import temporal_planes

pytestmark = pytest.mark.slow  # compiling the simulator takes half a minute
CLIPS = 16


@pytest.fixture
def clips(small_clips) -> SimulatedClip:
    return small_clips


def one(clips: SimulatedClip, number: int) -> SimulatedClip:
    return jax.tree.map(lambda leaf: leaf[number], clips)


def onsets(clips: SimulatedClip) -> np.ndarray:
    return clips.parameters.plumes.onset[:, 0]


def assert_same_bits(some: SimulatedClip, other: SimulatedClip) -> None:
    for a, b in zip(jax.tree.leaves(some), jax.tree.leaves(other), strict=True):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_a_clip_is_bitwise_the_same_whatever_the_batch(clips, small_family):
    assert_same_bits(one(clips, 7), one(simulate_batch(small_family, jnp.array([7])), 0))
    assert_same_bits(jax.tree.map(lambda leaf: leaf[6:9], clips), simulate_batch(small_family, jnp.array([6, 7, 8])))


def test_clips_made_abreast_do_not_depend_on_the_batch_either(small_family):
    few = simulate_batch(small_family, jnp.array([3]), abreast=2)
    assert_same_bits(
        few, jax.tree.map(lambda leaf: leaf[:1], simulate_batch(small_family, jnp.array([3, 4]), abreast=2))
    )


def test_other_indices_give_other_clips(clips):
    assert len({frames.tobytes() for frames in clips.frames}) == CLIPS


def test_other_seeds_and_families_give_other_scenes(clips, small_family):
    def horizon(config):
        # all but the horizon is pruned before it is compiled
        return float(jax.jit(lambda index: draw_parameters(config, index).scenery.horizon)(jnp.int32(0)))

    assert (
        len(
            {
                float(clips.parameters.scenery.horizon[0]),
                horizon(replace(small_family, seed=1)),
                horizon(replace(small_family, family=1)),
            }
        )
        == 3
    )


def test_mask_is_the_optical_depth_above_its_threshold(clips, small_family):
    gas = clips.optical_depth >= small_family.plume.mask_optical_depth
    np.testing.assert_array_equal(clips.mask != 0, gas)
    assert gas.any()


def test_gas_fainter_than_the_noise_is_marked_as_unseen(clips):
    seen = np.abs(clips.contrast[clips.mask == 1].astype(np.float32))
    unseen = np.abs(clips.contrast[clips.mask == 255].astype(np.float32))
    assert unseen.size > 0
    assert np.median(unseen) < 1 < np.median(seen)


def test_clips_without_leak_hold_no_gas(clips):
    leaks = onsets(clips) < 1e8
    assert 0 < leaks.sum() < CLIPS
    assert (clips.optical_depth[~leaks] == 0).all()
    assert (clips.visibility[~leaks] == 0).all()
    assert not clips.leaking[~leaks].any()


def test_gas_appears_exactly_at_the_onset(clips, small_family):
    starting = np.flatnonzero((onsets(clips) >= 1) & (onsets(clips) < small_family.frame_count))
    assert len(starting) >= 2
    for number in starting:
        onset = int(onsets(clips)[number])
        amount = clips.optical_depth[number].astype(np.float32).sum(axis=(1, 2))
        assert (amount[:onset] == 0).all()
        assert (amount[onset:] > 0).all()
        np.testing.assert_array_equal(clips.leaking[number], np.arange(small_family.frame_count) >= onset)


def test_the_background_has_absorbed_old_plumes_and_not_new_ones(clips):
    # Where there is gas now: the background of a new leak differs from the frame by all that the gas adds.
    visible = np.flatnonzero((onsets(clips) >= 0) & (clips.age > 20) & (clips.visibility[:, -1] > 4))
    assert len(visible) >= 2
    for number in visible:
        gas = clips.mask[number, -1] == 1
        shown = clips.frames[number, -1].astype(np.float32) - clips.background[number]
        assert shown[gas].mean() == pytest.approx(clips.contrast[number, -1][gas].astype(np.float32).mean(), rel=0.1)


def test_planes_of_a_fresh_video_are_those_of_the_data_room(clips):
    fresh = one(clips, int(np.flatnonzero(clips.age == 0)[0]))
    stream = TemporalPlanes().stream()
    expected = np.stack([stream.push(frame[..., None]) for frame in fresh.frames])
    np.testing.assert_allclose(np.asarray(temporal_planes(fresh)), expected, atol=2e-3)


def test_planes_start_from_the_history_of_the_clip(clips, small_family):
    planes = np.asarray(temporal_planes(clips))
    assert planes.shape == (CLIPS, small_family.frame_count, 96, 96, 3)
    np.testing.assert_array_equal(planes[:, 0, ..., 1], clips.background)
    np.testing.assert_array_equal(planes[..., 0], clips.frames)


def test_captions_tell_leaks_from_none(clips):
    for number in range(CLIPS):
        clip = one(clips, number)
        assert ("no gas leak" in caption(clip)) == (not (clip.mask == 1).any())
