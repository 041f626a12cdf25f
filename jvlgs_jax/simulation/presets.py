"""Named families of clips."""

import difflib
from collections.abc import Callable
from dataclasses import replace

from jvlgs_jax.errors import UserError
from jvlgs_jax.simulation.config import CameraConfig, DistractorConfig, PlumeConfig, SceneryConfig, SimulationConfig


def _simgas_like() -> SimulationConfig:
    """A fixed camera at the ground before tanks and pipes under a cold sky: little noise and drift, moderate leaks."""
    return SimulationConfig(
        age=(40.0, 600.0),
        plume=PlumeConfig(
            leak_free=0.25,
            onset=(0.15, 0.65, 0.2),
            peak_optical_depth=(0.3, 2.0),
            gas_temperature=(-2.0, 6.0),
            cell=(1.0, 7.0),
            speed=(0.25, 0.8),
            reach=(25.0, 90.0),
            diffusivity=(0.05, 0.4),
            wisps=(0.05, 0.35),
            mask_optical_depth=0.08,  # SimGas counts an opacity of over 20/255 as gas
        ),
        scenery=SceneryConfig(horizon=(0.7, 1.1)),
        distractors=DistractorConfig(
            cloud_contrast=(1.0, 10.0),
            cloud_speed=(0.002, 0.15),
            cloud_change=(0.0002, 0.006),
            cloud_shadows=0.05,
            shadow=(0.1, 0.6),
            sway=(0.0, 0.3),
            shimmer=(0.0, 0.15),
        ),
        camera=CameraConfig(
            text=0.1,
            noise=(0.1, 0.7),
            gain_drift=(0.0, 0.012),
            level_drift=(0.0, 1.5),
            shading_drift=(0.0, 1.5),
            drift_period=(100.0, 3000.0),
            gain_step=0.02,
            codec_step=(2.0, 8.0),
        ),
    )


def _young_jets() -> SimulationConfig:
    """Leaks before the camera of `simgas_like` that begin as a thin jet and go on growing for many seconds."""
    family = _simgas_like()
    plume = replace(
        family.plume,
        onset=(0.1, 0.8, 0.1),
        cell=(1.2, 6.0),
        speed=(0.08, 0.5),
        source_radius=(0.5, 0.8),
        turbulence=(0.15, 0.5),
        diffusivity=(0.1, 0.5),
        intermittency=(0.0, 0.5),
        flapping=(0.0, 0.5),
        peak_optical_depth=(0.6, 4.0),
        reach=(60.0, 250.0),
    )
    return replace(family, family=4, lead_in=200, plume=plume)


def _warm_plumes() -> SimulationConfig:
    """Leaks of `young_jets`, cold to hot, flat or fibrous within, with or without an edge; steam is gas."""
    family = _young_jets()
    plume = replace(
        family.plume,
        onset=(0.15, 0.6, 0.25),
        gas_temperature=(-2.0, 30.0),
        steam_is_leak=True,
        peak_optical_depth=(0.2, 2.5),
        profile=(0.5, 1.0),
        interface=(0.0, 0.15),
        wisps=(0.0, 0.3),
        mask_optical_depth=0.05,
    )
    return replace(family, family=6, plume=plume)


def _gasvid_like() -> SimulationConfig:
    """A hand-sized cooled camera at a test site: noise, drift, either polarity, cluttered backgrounds, text."""
    return SimulationConfig(
        family=1,
        plume=PlumeConfig(
            leak_free=0.3,
            cell=(0.5, 4.0),
            gas_temperature=(-6.0, 8.0),
            peak_optical_depth=(0.2, 2.5),
            intermittency=(0.3, 1.0),
        ),
        scenery=SceneryConfig(
            horizon=(0.05, 0.9), sky_zenith=(-30.0, -10.0), sky_horizon=(-9.0, -2.0), texture=(0.4, 2.0), vegetation=0.5
        ),
        distractors=DistractorConfig(sway=(0.0, 1.2), shimmer=(0.0, 0.5)),
        camera=CameraConfig(
            black=(10.0, 70.0),
            white=(110.0, 210.0),
            inverted=0.4,
            noise=(1.0, 4.0),
            row_noise=(0.0, 1.0),
            fixed_pattern=(0.0, 2.0),
            level_drift=(0.0, 5.0),
            vibration=(0.0, 0.3),
            pan=0.05,
            interlaced=0.2,
            text=0.8,
            codec_step=(3.0, 18.0),
        ),
    )


def _hard_negatives() -> SimulationConfig:
    """Seldom a leak, always something else that moves or changes: clouds, drift, steam, people, foliage, gain jumps."""
    return SimulationConfig(
        family=2,
        plume=PlumeConfig(leak_free=0.85, steam=0.35, steam_temperature=(2.0, 25.0)),
        scenery=SceneryConfig(horizon=(0.3, 1.1), vegetation=0.5),
        distractors=DistractorConfig(
            clouds=0.85,
            cloud_contrast=(1.0, 22.0),
            cloud_speed=(0.01, 1.5),
            cloud_change=(0.001, 0.08),
            cloud_shadows=0.5,
            shadow=(0.3, 4.0),
            moving=0.75,
            sway=(0.0, 1.5),
            shimmer=(0.0, 0.6),
        ),
        camera=CameraConfig(
            noise=(0.2, 2.5),
            gain_drift=(0.0, 0.08),
            level_drift=(0.0, 8.0),
            shading_drift=(0.5, 9.0),
            drift_period=(30.0, 3000.0),
            gain_step=0.2,
            vibration=(0.0, 0.4),
            pan=0.08,
            interlaced=0.1,
            text=0.4,
        ),
    )


def _restless() -> SimulationConfig:
    """The scenes of `hard_negatives` without steam, which looks like gas."""
    family = _hard_negatives()
    return replace(family, family=7, plume=replace(family.plume, steam=0.0))


def _near_movers() -> SimulationConfig:
    """The camera of `simgas_like` with people and vehicles close by who move slowly, mostly without a leak."""
    family = _warm_plumes()
    distractors = replace(
        family.distractors,
        moving=1.0,
        movers=(0.65, 0.2, 0.05, 0.1),
        mover_temperature=(-6.0, 14.0),
        mover_size=(2.0, 1.7),
        mover_speed=(0.1, 0.8),
    )
    return replace(family, family=5, plume=replace(family.plume, leak_free=0.6), distractors=distractors)


def _faint() -> SimulationConfig:
    """Leaks at the edge of sight: thin gas, small plumes, often just started."""
    return SimulationConfig(
        family=3,
        plume=PlumeConfig(
            leak_free=0.2,
            onset=(0.25, 0.35, 0.4),
            peak_optical_depth=(0.03, 0.25),
            cell=(0.25, 2.0),
            mask_optical_depth=0.015,
        ),
    )


_PRESETS: dict[str, Callable[[], SimulationConfig]] = {
    "simgas_like": _simgas_like,
    "young_jets": _young_jets,
    "warm_plumes": _warm_plumes,
    "gasvid_like": _gasvid_like,
    "hard_negatives": _hard_negatives,
    "restless": _restless,
    "near_movers": _near_movers,
    "faint": _faint,
}
PRESET_NAMES = tuple(_PRESETS)


def preset(name: str) -> SimulationConfig:
    """Returns the family called `name`; UserError for any other name."""
    if name not in _PRESETS:
        guess = difflib.get_close_matches(name, _PRESETS, n=1)
        hint = f"did you mean {guess[0]!r}?" if guess else "use one of them"
        raise UserError(f"unknown preset {name!r}: the choices are {', '.join(_PRESETS)}; {hint}")
    return _PRESETS[name]()
