from dataclasses import replace

import numpy as np
import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.simulation.config import CameraConfig, DistractorConfig, PlumeConfig, SceneryConfig, SimulationConfig
from jvlgs_jax.simulation.presets import PRESET_NAMES, preset


@pytest.mark.parametrize(
    ("part", "values", "message"),
    [
        (CameraConfig, {"codec_step": (0.0, 8.0)}, r"camera\.codec_step is \(0\.0, 8\.0\): it must be above 0"),
        (CameraConfig, {"noise": (0.0, 1.0)}, r"camera\.noise .* must be above 0"),
        (CameraConfig, {"blur": (0.5, 2.0)}, r"camera\.blur is \(0\.5, 2\.0\): it must lie between 0 and 1\.5"),
        (CameraConfig, {"vibration": (0.0, 20.0)}, r"camera\.vibration .* between 0 and 8"),
        (CameraConfig, {"row_noise": (-1.0, 1.0)}, r"camera\.row_noise .* must be at least 0"),
        (CameraConfig, {"white": (20.0, 100.0)}, "black must be darker than white"),
        (DistractorConfig, {"cloud_speed": (0.0, 0.0)}, r"distractors\.cloud_speed .* must be above 0"),
        (DistractorConfig, {"movers": (0.0, 0.0, 0.0, 0.0)}, r"distractors\.movers .* must be above 0"),
        (DistractorConfig, {"mover_size": (0.0, 1.0)}, r"distractors\.mover_size .* must be above 0"),
        (PlumeConfig, {"leak_free": 1.5}, r"plume\.leak_free is 1\.5: it must lie between 0 and 1"),
        (PlumeConfig, {"cell": (3.0, 1.0)}, r"plume\.cell is \(3\.0, 1\.0\): it must name the lower end first"),
        (PlumeConfig, {"gas_temperature": (float("nan"), 1.0)}, r"plume\.gas_temperature .* must be a number"),
        (PlumeConfig, {"onset": (0.0, 0.0, 0.0)}, r"plume\.onset .* must be above 0"),
        (SceneryConfig, {"sky_zenith": (-9.0, -3.0)}, "the sky must be colder"),
        (SimulationConfig, {"age": (0.0, 10.0)}, r"simulation\.age is \(0\.0, 10\.0\): it must be above 0"),
    ],
)
def test_values_that_make_no_clip_are_refused(part, values, message):
    with pytest.raises(UserError, match=message):
        part(**values)


def test_factors_may_fall_as_those_of_near_movers_do():
    assert DistractorConfig(mover_size=(2.0, 1.7)).mover_size == (2.0, 1.7)


@pytest.mark.parametrize("name", PRESET_NAMES)
def test_the_depth_of_the_mask_has_the_precision_of_the_depth_of_clips(name):
    family = preset(name)
    threshold = family.plume.mask_optical_depth
    assert np.float16(threshold) == threshold
    assert replace(family, seed=3) == replace(family, seed=3, plume=replace(family.plume))
