"""A sentence about a simulated clip, for training on pictures and words."""

import jax
import jax.numpy as jnp
import numpy as np

from jvlgs_jax.simulation.camera import aim
from jvlgs_jax.simulation.clip import SimulatedClip
from jvlgs_jax.simulation.movers import MOVER_KINDS, travel
from jvlgs_jax.simulation.parameters import GAS, NEVER, STEAM
from jvlgs_jax.simulation.plume import SOURCE_KINDS
from jvlgs_jax.simulation.scenery import MARGIN
from jvlgs_jax.simulation.truth import GAS_PIXEL

_SOURCES = dict(zip(SOURCE_KINDS, ("a small hole", "a seam", "a flange", "a vent"), strict=True))
_FAINT, _DENSE = 4.0, 25.0  # contrast-to-noise ratios
_SMALL, _LARGE = 0.003, 0.05  # shares of the picture
_TRAVELS = 2.0  # pixels


def caption(clip: SimulatedClip) -> str:
    """Returns one sentence about one clip (no batch axis): the leak, its look and way, and what else moves."""
    gas = np.asarray(clip.mask) == GAS_PIXEL
    scene = clip.parameters
    leak = GAS if float(scene.plumes.onset[GAS]) < NEVER else STEAM
    first = _leak(clip, gas, leak) if gas.any() else "no gas leak to be seen"
    others = [f"{'an' if name[0] in 'aeiou' else 'a'} {name} moves" for name in _movers(clip)]
    if (np.asarray(clip.steam) == GAS_PIXEL).any() and not (gas.any() and leak == STEAM):
        others.insert(0, "steam rises")
    if float(scene.atmosphere.cloud_contrast) > 0 and float(scene.scenery.horizon) > 0:
        others.append("clouds in the sky")
    return ", ".join([first, *others])


def _leak(clip: SimulatedClip, gas: np.ndarray, plume: int) -> str:
    contrast, visibility = np.asarray(clip.contrast, np.float32)[gas], np.asarray(clip.visibility)
    strength = visibility[visibility > 0].mean()
    look = "faint " if strength < _FAINT else "dense " if strength > _DENSE else ""
    area = gas.any(axis=(1, 2))
    share = gas[area].mean()
    extent = "small " if share < _SMALL else "large " if share > _LARGE else ""
    colour = "white" if contrast.mean() > 0 else "black"
    plumes = clip.parameters.plumes
    down, across = np.asarray(plumes.flow.wind[plume])
    heading = ("right" if across > 0 else "left") if abs(across) >= abs(down) else ("down" if down > 0 else "up")
    source = _SOURCES[SOURCE_KINDS[int(plumes.kind[plume])]]
    begins = ", which begins to leak" if 0 <= float(plumes.onset[plume]) < len(gas) else ""
    return f"{look}{extent}{colour} plume drifting {heading} from {source}{begins}"


def _movers(clip: SimulatedClip) -> list[str]:
    """Names the kinds of what travels while its middle is in the frame."""
    movers, times = clip.parameters.movers, jnp.arange(len(clip.frames), dtype=jnp.float32)
    paths = np.asarray(travel(movers, times))
    shown = paths + MARGIN - np.asarray(jax.vmap(aim, in_axes=(None, 0))(clip.parameters.camera, times))
    inside = ((shown >= 0) & (shown < clip.frames.shape[1:])).all(axis=-1) & np.asarray(movers.present)[:, None]
    ways = [path[seen] for path, seen in zip(paths, inside, strict=True)]
    moving = [len(way) > 0 and np.ptp(way, axis=0).max() > _TRAVELS for way in ways]
    return sorted({MOVER_KINDS[int(kind)] for kind in np.asarray(movers.kind)[moving]})
