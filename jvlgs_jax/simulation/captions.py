"""A sentence about a simulated clip, for training on pictures and words."""

import numpy as np

from jvlgs_jax.simulation.clip import SimulatedClip
from jvlgs_jax.simulation.movers import MOVER_KINDS
from jvlgs_jax.simulation.parameters import GAS, STEAM
from jvlgs_jax.simulation.plume import SOURCE_KINDS

_SOURCES = dict(zip(SOURCE_KINDS, ("a small hole", "a seam", "a flange", "a vent"), strict=True))
_FAINT, _DENSE = 4.0, 25.0  # contrast-to-noise ratios
_SMALL, _LARGE = 0.003, 0.05  # shares of the picture


def caption(clip: SimulatedClip) -> str:
    """Returns one sentence about one clip (no batch axis): the leak, its look and way, and what else moves."""
    gas = np.asarray(clip.mask) == 1
    first = _leak(clip, gas) if gas.any() else "no gas leak to be seen"
    others = [f"{'an' if name[0] in 'aeiou' else 'a'} {name} moves" for name in _movers(clip)]
    scene = clip.parameters
    if float(scene.plumes.onset[STEAM]) < clip.frames.shape[0]:
        others.insert(0, "steam rises")
    if float(scene.atmosphere.cloud_contrast) > 0 and float(scene.scenery.horizon) > 0:
        others.append("clouds in the sky")
    return ", ".join([first, *others])


def _leak(clip: SimulatedClip, gas: np.ndarray) -> str:
    contrast, visibility = np.asarray(clip.contrast, np.float32)[gas], np.asarray(clip.visibility)
    strength = visibility[visibility > 0].mean()
    look = "faint " if strength < _FAINT else "dense " if strength > _DENSE else ""
    area = gas.any(axis=(1, 2))
    share = gas[area].mean()
    extent = "small " if share < _SMALL else "large " if share > _LARGE else ""
    colour = "white" if contrast.mean() > 0 else "black"
    plumes = clip.parameters.plumes
    down, across = np.asarray(plumes.flow.wind[GAS])
    heading = ("right" if across > 0 else "left") if abs(across) >= abs(down) else ("down" if down > 0 else "up")
    source = _SOURCES[SOURCE_KINDS[int(plumes.kind[GAS])]]
    begins = ", which begins to leak" if 0 <= float(plumes.onset[GAS]) < len(gas) else ""
    return f"{look}{extent}{colour} plume drifting {heading} from {source}{begins}"


def _movers(clip: SimulatedClip) -> list[str]:
    movers = clip.parameters.movers
    return sorted({MOVER_KINDS[int(k)] for k, there in zip(movers.kind, movers.present, strict=True) if bool(there)})
