import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from jvlgs_jax.errors import UserError
from jvlgs_jax.simulation.config import SimulationConfig
from jvlgs_jax.simulation.movers import MOVER_KINDS
from jvlgs_jax.simulation.parameters import GAS, NEVER, draw_parameters
from jvlgs_jax.simulation.plume import (
    PlumeFields,
    PlumeParameters,
    advance,
    clean_air,
    patch_optical_depth,
    place,
    plume_fields,
)
from jvlgs_jax.simulation.presets import PRESET_NAMES, preset


def test_families_share_no_scene():
    assert len({preset(name).family for name in PRESET_NAMES}) == len(PRESET_NAMES) == 8


def test_hard_negatives_are_mostly_without_leak_and_faint_gas_is_thin():
    assert preset("hard_negatives").plume.leak_free > 0.7
    assert preset("faint").plume.peak_optical_depth[1] < preset("simgas_like").plume.peak_optical_depth[1]


@pytest.mark.slow
def test_near_movers_are_larger_and_slower_than_those_of_other_scenes():
    def of(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        movers = jax.jit(jax.vmap(lambda index: draw_parameters(preset(name), index).movers))(jnp.arange(40))
        people = np.asarray(movers.kind) == MOVER_KINDS.index("person")
        pace = np.abs(np.asarray(movers.velocity)[..., 1])
        return np.asarray(movers.present).any(axis=1), np.asarray(movers.size)[people], pace[people]

    present, size, pace = of("near_movers")
    others = of("simgas_like")
    assert present.mean() > 0.9 > others[0].mean()
    assert np.median(size) > 1.5 * np.median(others[1])
    assert np.median(pace) < 0.5 * np.median(others[2])


@pytest.mark.slow
def test_a_young_jet_begins_thin_and_goes_on_growing():
    """Covered share of the picture, as in benchmarks/plume_growth.py."""
    family = preset("young_jets")

    def step(carried: tuple[Array, PlumeParameters, PlumeFields], time: Array):
        density, plume, fields = carried
        density = advance(density, plume, fields, time)
        depth = place(patch_optical_depth(density, plume, fields, time), plume, family.size, jnp.zeros(2))
        return (density, plume, fields), jnp.mean(depth > family.plume.mask_optical_depth)

    def grow(index: Array) -> Array:
        plume = jax.tree.map(lambda leaf: leaf[GAS], draw_parameters(family, index).plumes)
        plume = plume._replace(onset=jnp.float32(0), stop=jnp.float32(NEVER))
        return jax.lax.scan(step, (clean_air(), plume, plume_fields(plume)), jnp.arange(46.0))[1]

    areas = np.median(jax.jit(jax.vmap(grow))(jnp.arange(5)), axis=0)
    assert areas[5] < 0.003
    assert areas[15] > 1.5 * areas[5]
    assert areas[45] > 1.5 * areas[15]


@pytest.fixture(scope="module")
def blob() -> tuple[Array, PlumeParameters, PlumeFields]:
    """A round cloud of density 1 in its middle, and the plume and fields that it is of."""
    plumes = jax.jit(lambda index: draw_parameters(preset("warm_plumes"), index).plumes)(jnp.int32(1))
    plume = jax.tree.map(lambda leaf: leaf[GAS], plumes)
    plume = plume._replace(peak=jnp.float32(1), profile=jnp.float32(1), interface=jnp.float32(0))
    row, column = jnp.mgrid[:96, :96]
    return jnp.exp(-((row - 48) ** 2 + (column - 48) ** 2) / 400), plume, jax.jit(plume_fields)(plume)


_patch_optical_depth = jax.jit(patch_optical_depth)


def depth_of(blob: tuple[Array, PlumeParameters, PlumeFields], **changes: float) -> np.ndarray:
    density, plume, fields = blob
    changed = plume._replace(**{name: jnp.float32(value) for name, value in changes.items()})
    return np.asarray(_patch_optical_depth(density, changed, fields, jnp.float32(0)))


@pytest.mark.slow
def test_gas_with_an_interface_ends_in_clean_air_and_is_as_it_was_within(blob):
    smooth = depth_of(blob, wisps=0)
    for wisps in (0, 0.3):
        cut, uncut = depth_of(blob, interface=0.2, wisps=wisps), depth_of(blob, wisps=wisps)
        assert np.all(cut[smooth <= 0.1] == 0)
        inside = smooth >= 0.3
        np.testing.assert_allclose(cut[inside], uncut[inside], rtol=1e-5)


@pytest.mark.slow
def test_a_low_profile_makes_gas_flat_within_and_leaves_its_peak(blob):
    plain, flat = depth_of(blob, wisps=0), depth_of(blob, wisps=0, profile=0.5)
    assert flat.max() == pytest.approx(plain.max(), rel=0.01)
    half = np.abs(plain - 0.5) < 0.02
    np.testing.assert_allclose(flat[half], 0.5**0.5, atol=0.03)


def test_steam_is_gas_among_warm_plumes_and_absent_from_restless_scenes():
    assert preset("warm_plumes").plume.steam_is_leak
    assert preset("restless").plume.steam == 0


def test_a_misspelt_preset_is_named_with_the_nearest_one():
    with pytest.raises(UserError, match=r"simgas.*did you mean 'simgas_like'"):
        preset("simgas")


@pytest.mark.parametrize("size", [(100, 96), (96, 64)])
def test_sizes_that_cannot_be_coded_are_refused(size):
    with pytest.raises(UserError, match="multiples of 8"):
        SimulationConfig(size=size)
