import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.simulation.config import SimulationConfig
from jvlgs_jax.simulation.presets import PRESET_NAMES, preset


def test_families_share_no_scene():
    assert len({preset(name).family for name in PRESET_NAMES}) == len(PRESET_NAMES) == 4


def test_hard_negatives_are_mostly_without_leak_and_faint_gas_is_thin():
    assert preset("hard_negatives").plume.leak_free > 0.7
    assert preset("faint").plume.peak_optical_depth[1] < preset("simgas_like").plume.peak_optical_depth[1]


def test_a_misspelt_preset_is_named_with_the_nearest_one():
    with pytest.raises(UserError, match=r"simgas.*did you mean 'simgas_like'"):
        preset("simgas")


@pytest.mark.parametrize("size", [(100, 96), (96, 64)])
def test_sizes_that_cannot_be_coded_are_refused(size):
    with pytest.raises(UserError, match="multiples of 8"):
        SimulationConfig(size=size)
