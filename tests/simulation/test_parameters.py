from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jvlgs_jax.simulation.parameters import GAS, NEVER, draw_parameters, has_gas, has_steam, leak_free
from jvlgs_jax.simulation.presets import preset


@pytest.mark.slow
@pytest.mark.parametrize("name", ["near_movers", "hard_negatives"])
def test_the_number_of_a_clip_tells_whether_gas_or_steam_leaks(name):
    family, numbers = preset(name), np.arange(200)
    onsets = jax.jit(jax.vmap(lambda index: draw_parameters(family, index).plumes.onset))(jnp.arange(200))
    leaks = np.asarray(onsets) < NEVER
    np.testing.assert_array_equal(np.stack([has_gas(family, numbers), has_steam(family, numbers)], axis=1), leaks)
    counted = leaks.any(axis=1) if family.plume.steam_is_leak else leaks[:, GAS]
    np.testing.assert_array_equal(leak_free(family, numbers), ~counted)
    assert (leaks[:, 1] & ~leaks[:, 0]).any()


@pytest.mark.parametrize("name", ["near_movers", "hard_negatives", "simgas_like"])
def test_steam_is_as_frequent_with_gas_as_without(name):
    plume, numbers = preset(name).plume, np.arange(10_000)
    gas, steam = has_gas(preset(name), numbers), has_steam(preset(name), numbers)
    assert gas.mean() == pytest.approx(1 - plume.leak_free, abs=1e-3)
    assert steam[gas].mean() == pytest.approx(plume.steam, abs=5e-3)
    assert steam[~gas].mean() == pytest.approx(plume.steam, abs=5e-3)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_steam_may_be_in_no_clip_and_in_all(share):
    family = preset("faint")
    family = replace(family, plume=replace(family.plume, steam=share))
    assert (has_steam(family, np.arange(1000)) == bool(share)).all()
