"""Clips drawn for people: each beside what changed in it and its truth, several on one sheet."""

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.simulation.clip import SimulatedClip
from jvlgs_jax.simulation.planes import temporal_planes
from jvlgs_jax.simulation.truth import GAS_PIXEL, IGNORED

CLIPS_A_COLUMN = 4
_GAIN = 4  # by which differences are enlarged
_NO_CHANGE = 128  # grey level
_TRUTH_LEVELS = {GAS_PIXEL: 255, IGNORED: 90}


def panels(clip: SimulatedClip) -> UInt8[np.ndarray, "t h w"]:
    """Draws one clip: frame, frame minus causal background (times 4, grey: no change), truth, side by side.

    In the truth, gas is white and gas that no one could see is grey.
    """
    planes = np.asarray(jax.device_get(temporal_planes(clip)))
    frame, background = planes[..., 0], planes[..., 1]
    mask = np.asarray(clip.mask)
    truth = np.select([mask == label for label in _TRUTH_LEVELS], list(_TRUTH_LEVELS.values()), 0)
    drawn = np.concatenate([frame, _NO_CHANGE + _GAIN * (frame - background), truth], axis=-1)
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8)


def arrange(drawings: Sequence[UInt8[np.ndarray, "t h w"]]) -> UInt8[np.ndarray, "t h2 w2"]:
    """Sets drawings of one size below each other, four a column; what is left of the last column stays black."""
    rows = min(len(drawings), CLIPS_A_COLUMN)
    blanks = [np.zeros_like(drawings[0])] * (-len(drawings) % rows)
    cells = [*drawings, *blanks]
    columns = [np.concatenate(cells[start : start + rows], axis=1) for start in range(0, len(cells), rows)]
    return np.concatenate(columns, axis=2)
