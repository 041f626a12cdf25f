"""A contact sheet: training clips as the network sees them, after augmentation, with the truth it is asked for."""

from collections.abc import Iterable

import cv2
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, UInt8

from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.planes import InputPlanes

_GAP = 4  # pixels between pictures, and twice as many between clips
_OUTLINE = (255, 220, 0)
_PAPER = 255


def contact_sheet(clips: Iterable[ClipSample], planes: InputPlanes) -> UInt8[np.ndarray, "h w 3"]:
    """Returns one block of pictures a clip: a column a frame, a row an input plane.

    Planes are normalised as for the network and shown from dark to bright with zero in the middle, each at one scale
    over the whole sheet; planes that are equal everywhere are shown once. The gas of supervised frames is outlined.
    """
    clips = list(clips)
    values = [np.asarray(planes.normalize(jnp.asarray(clip.planes))) for clip in clips]
    scale = np.max([np.abs(value).max((0, 1, 2)) for value in values], axis=0)
    shown = _distinct([clip.planes for clip in clips])
    blocks = []
    for clip, value in zip(clips, values, strict=True):
        levels = np.rint(127.5 + 127.5 * value / np.maximum(scale, 1e-6)).astype(np.uint8)
        rows = [_row(levels[..., plane], clip.mask[..., 0] > 0.5) for plane in np.flatnonzero(shown)]
        blocks += [np.concatenate(rows), np.full((_GAP, rows[0].shape[1], 3), _PAPER, np.uint8)]
    return np.concatenate(blocks[:-1])


def _distinct(values: list[np.ndarray]) -> Bool[np.ndarray, "3"]:
    """Which planes differ from all those before them."""
    same = [[all(np.array_equal(v[..., a], v[..., b]) for v in values) for a in range(b)] for b in range(3)]
    return np.array([not any(earlier) for earlier in same])


def _row(levels: UInt8[np.ndarray, "t h w"], gas: Bool[np.ndarray, "s h w"]) -> UInt8[np.ndarray, "h_and_gap wide 3"]:
    pictures = []
    for number, image in enumerate(levels):
        picture = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
        if number < len(gas):
            contours, _ = cv2.findContours(gas[number].astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(picture, contours, -1, _OUTLINE, 1)
        pictures.append(cv2.copyMakeBorder(picture, 0, _GAP, 0, _GAP, cv2.BORDER_CONSTANT, value=(_PAPER,) * 3))
    return np.concatenate(pictures, axis=1)
