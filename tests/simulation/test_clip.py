from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jvlgs_jax.data.planes import TemporalPlanes
from jvlgs_jax.simulation.clip import SimulatedClip, simulate_batch, simulate_clip
from jvlgs_jax.simulation.config import PlumeConfig, SimulationConfig
from jvlgs_jax.simulation.planes import temporal_planes

SMALL = SimulationConfig(frame_count=6, size=(96, 96), plume=PlumeConfig(leak_free=0.25, cell=(0.3, 0.8)))
CLIPS = 12


@pytest.fixture(scope="module")
def clips() -> SimulatedClip:
    return simulate_batch(SMALL, jnp.arange(CLIPS))


def assert_same_bits(some: SimulatedClip, other: SimulatedClip) -> None:
    for a, b in zip(jax.tree.leaves(some), jax.tree.leaves(other), strict=True):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_a_clip_is_bitwise_the_same_whatever_the_batch(clips):
    assert_same_bits(jax.tree.map(lambda leaf: leaf[7], clips), simulate_clip(SMALL, 7))
    assert_same_bits(jax.tree.map(lambda leaf: leaf[6:9], clips), simulate_batch(SMALL, jnp.array([6, 7, 8])))


def test_other_indices_and_seeds_give_other_clips(clips):
    frames = np.asarray(clips.frames)
    assert len({clip.tobytes() for clip in frames}) == CLIPS
    assert (np.asarray(simulate_clip(replace(SMALL, seed=1), 0).frames) != frames[0]).any()


def test_mask_is_the_optical_depth_above_its_threshold(clips):
    gas = np.asarray(clips.optical_depth) >= SMALL.plume.mask_optical_depth
    np.testing.assert_array_equal(np.asarray(clips.mask) != 0, gas)
    assert gas.any()


def test_clips_without_leak_hold_no_gas(clips):
    leaks = np.asarray(clips.parameters.plumes.onset[:, 0]) < 1e8
    assert 0 < leaks.sum() < CLIPS
    depth = np.asarray(clips.optical_depth)
    assert (depth[~leaks] == 0).all()
    assert (np.asarray(clips.visibility)[~leaks] == 0).all()
    assert not np.asarray(clips.leaking)[~leaks].any()


def test_gas_appears_exactly_at_the_onset(clips):
    from jvlgs_jax.simulation.clip import render_clip
    from jvlgs_jax.simulation.parameters import draw_parameters

    scene = draw_parameters(SMALL, jnp.int32(0))
    onset = jnp.array([3.0, 1e9])
    scene = scene._replace(plumes=scene.plumes._replace(onset=onset, stop=jnp.array([1e9, 1e9])))
    clip = jax.jit(render_clip, static_argnums=0)(SMALL, scene)
    amount = np.asarray(clip.optical_depth, np.float32).sum((1, 2))
    assert (amount[:3] == 0).all()
    assert (amount[3:] > 0).all()
    np.testing.assert_array_equal(np.asarray(clip.leaking), np.arange(6) >= 3)


def test_planes_go_on_as_the_data_room_would(clips):
    planes = np.asarray(temporal_planes(clips))
    fresh = int(np.flatnonzero(np.asarray(clips.age) == 0)[0]) if (np.asarray(clips.age) == 0).any() else None
    fresh_clip = simulate_clip(replace(SMALL, fresh=1.0), 0) if fresh is None else jax.tree.map(lambda x: x[fresh], clips)
    stream = TemporalPlanes().stream()
    expected = np.stack([stream.push(frame[..., None]) for frame in np.asarray(fresh_clip.frames)])
    np.testing.assert_allclose(np.asarray(temporal_planes(fresh_clip)), expected, atol=2e-3)
    assert planes.shape == (CLIPS, 6, 96, 96, 3)
