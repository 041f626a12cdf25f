"""Simulated plumes, as a TFDS dataset."""

from typing import ClassVar

from jvlgs_jax.simulation.presets import PRESET_NAMES
from jvlgs_jax.simulation.records import PlumeSimConfig, SimulatedBuilder


class Builder(SimulatedBuilder):
    """One preset of the simulator, of any number of clips."""

    BUILDER_CONFIGS: ClassVar = [PlumeSimConfig(name=name, preset=name) for name in PRESET_NAMES]
