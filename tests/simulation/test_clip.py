import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jvlgs_jax.data.planes import TemporalPlanes
from jvlgs_jax.simulation.camera import noise_level
from jvlgs_jax.simulation.captions import caption
from jvlgs_jax.simulation.clip import SimulatedClip, render_clip, simulate_batch
from jvlgs_jax.simulation.parameters import GAS, NEVER, draw_parameters, has_steam
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
    both, turned = (simulate_batch(small_family, jnp.array(order), abreast=2) for order in ([3, 4], [4, 3]))
    assert_same_bits(few, jax.tree.map(lambda leaf: leaf[:1], both))
    assert_same_bits(both, jax.tree.map(lambda leaf: leaf[::-1], turned))


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
    threshold = small_family.plume.mask_optical_depth
    for depth in (clips.optical_depth, clips.optical_depth.astype(np.float32)):
        np.testing.assert_array_equal(clips.mask != 0, depth >= threshold)
    assert (clips.optical_depth == threshold).any()  # the very depth at which gas begins


def noise_levels(clips: SimulatedClip) -> np.ndarray:
    return np.array([noise_level(one(clips, number).parameters.camera) for number in range(len(clips.frames))])


def test_gas_fainter_than_the_noise_is_marked_as_unseen(clips, small_family):
    least = small_family.plume.visible_contrast_to_noise * noise_levels(clips)[:, None, None, None]
    seen = np.abs(clips.contrast.astype(np.float32)) >= least
    gas = clips.mask != 0
    np.testing.assert_array_equal(clips.mask[gas] == 1, seen[gas])
    assert (clips.mask[gas] == 1).any()
    assert (clips.mask[gas] == 255).any()


def test_visibility_is_the_mean_contrast_of_the_gas_over_the_noise(clips):
    contrast, gas = np.abs(clips.contrast.astype(np.float32)), clips.mask != 0
    mean = (contrast * gas).sum(axis=(2, 3)) / np.maximum(gas.sum(axis=(2, 3)), 1)
    np.testing.assert_allclose(clips.visibility, mean / noise_levels(clips)[:, None], rtol=1e-4)


def test_steam_is_marked_in_the_clips_that_have_some(clips, small_family):
    steams = has_steam(small_family, np.arange(CLIPS))
    assert not clips.steam[~steams].any()
    assert (clips.steam[steams] == 1).any()
    assert set(np.unique(clips.steam)) <= {0, 1, 255}


def test_the_source_is_where_gas_appears_and_nowhere_without_a_leak(clips, small_family):
    np.testing.assert_array_equal(np.isnan(clips.source).any(axis=-1), ~clips.leaking)
    starting = np.flatnonzero((onsets(clips) >= 1) & (onsets(clips) < small_family.frame_count))
    assert len(starting) >= 2
    for number in starting:
        onset = int(onsets(clips)[number])
        reach = 8 * float(clips.parameters.plumes.cell[number, GAS])
        assert np.hypot(*(centre(clips.optical_depth[number, onset]) - clips.source[number, onset])) < reach


def centre(depth: np.ndarray) -> np.ndarray:
    """Row and column of the gas's middle."""
    weights = depth.astype(np.float32)
    return np.array([(grid * weights).sum() for grid in np.indices(depth.shape)]) / weights.sum()


def test_captions_tell_the_way_of_the_gas(clips):
    signs = {"right": (1, 1), "left": (1, -1), "down": (0, 1), "up": (0, -1)}
    agree = []
    for number in range(CLIPS):
        clip = one(clips, number)
        if heading := re.search(r"drifting (\w+)", caption(clip)):
            axis, sign = signs[heading[1]]
            agree.append(sign * (centre(clip.optical_depth[-1]) - clip.source[-1])[axis] > 0)
    assert len(agree) >= 4
    assert np.mean(agree) > 0.8  # eddies and obstacles turn some


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


@pytest.fixture(scope="module")
def show(small_family, small_clips):
    """Renders one scene with other plumes or another camera, in a family in which steam is gas."""
    family = replace(small_family, plume=replace(small_family.plume, steam_is_leak=True))
    render = jax.jit(render_clip, static_argnums=0)
    scene = one(small_clips, 0).parameters

    def shown(*, onset, plumes=scene.plumes, camera=scene.camera) -> SimulatedClip:
        plumes = plumes._replace(onset=jnp.array(onset), stop=np.full(2, NEVER, np.float32))
        return jax.device_get(render(family, scene._replace(plumes=plumes, camera=camera, age=jnp.int32(100))))

    return shown, scene


def test_contrast_of_gas_behind_steam_is_all_that_both_add(show):
    shown, scene = show
    alike = jax.tree.map(lambda leaf: jnp.stack([leaf[GAS], leaf[GAS]]), scene.plumes)  # one behind the other
    thick = alike._replace(
        peak=np.full(2, 3.0, np.float32),
        temperature=np.full(2, 12.0, np.float32),
        place=np.full((2, 2), 48.0, np.float32),
    )
    both = shown(plumes=thick, onset=[-200.0, -200.0])
    neither = shown(plumes=thick, onset=[NEVER, NEVER])
    dense = both.optical_depth[-1] > 3
    assert dense.sum() > 50
    added = both.frames[-1].astype(np.float32) - neither.frames[-1]
    assert both.contrast[-1][dense].mean() == pytest.approx(added[dense].mean(), rel=0.1)
    assert np.abs(added[dense].mean()) > 10
    assert (both.mask[-1][dense] == 1).all()


def test_where_steam_counts_as_gas_its_source_leaks(show):
    shown, scene = show
    places = scene.plumes._replace(place=jnp.array([[20.0, 20.0], [60.0, 70.0]]))
    steam = shown(plumes=places, onset=[NEVER, -200.0])
    assert steam.leaking.all()
    np.testing.assert_allclose(steam.source, np.broadcast_to([60.0, 70.0], steam.source.shape), atol=0.2)
    np.testing.assert_array_equal(steam.mask, steam.steam)
    assert not shown(plumes=places, onset=[NEVER, NEVER]).leaking.any()
    np.testing.assert_allclose(shown(plumes=places, onset=[-200.0, -200.0]).source[0], [20.0, 20.0], atol=0.2)


def test_the_source_moves_with_the_picture(show):
    shown, scene = show
    unsteady = scene.camera._replace(
        shake=jnp.array([[6.0, 7.0, 1.0], [5.0, 11.0, 2.0]]), pan=jnp.array([0.1, 0.6]), noise=jnp.float32(0.1)
    )
    plumes = scene.plumes._replace(
        place=np.full((2, 2), 48.0, np.float32),
        flapping=jnp.zeros(2),
        second=jnp.zeros((2, 3)),
        cell=np.ones(2, np.float32),
    )
    clip = shown(plumes=plumes, camera=unsteady, onset=[2.0, NEVER])
    assert np.ptp(clip.source[2:], axis=0).max() > 4
    for frame in (2, 3, 4):
        away = centre(clip.optical_depth[frame]) - clip.source[frame]
        assert np.hypot(*away) < 1 + 1.5 * (frame - 1)  # the wind carries it no farther
