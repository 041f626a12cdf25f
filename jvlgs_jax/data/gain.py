"""The gain of a scene: which raw levels of its camera become the grey levels 0 to 255."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8, UInt16

GAIN_FRAMES = 32  # a live stream must begin too, so the gain is fixed after the first frames
OUTLIERS = 0.1  # percent of the pixels on either side that may be dead or saturated
MARGIN = 0.25  # of the range seen, on either side, for gas colder or hotter than what the first frames show

MAX_GREY = 255.0
LEVELS = 1 << 16

# A frame in grey levels, 0 to 255, grey (c = 1) or RGB (c = 3); with fractions where the camera gave more than 8 bits.
Frame = UInt8[np.ndarray, "h w c"] | Float32[np.ndarray, "h w c"]


class Gain(NamedTuple):
    """A linear map of raw levels: `low` becomes grey level 0, `high` becomes 255. Frames of 8 bits keep their levels.

    The range is that of the first 32 frames without the outermost 0.1 % of their pixels on either side, and a quarter
    more on either side. One gain serves the whole scene: a gain of its own for each frame would flicker.
    """

    low: float
    high: float

    def to_grey(self, pixels: UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w c"]) -> Frame:
        """Returns 16-bit pixels as grey levels with fractions, clipped to 0 to 255; 8-bit ones as they are."""
        if pixels.dtype == np.uint8:
            return pixels
        scale = np.float32(MAX_GREY / (self.high - self.low))
        return np.clip((pixels.astype(np.float32) - np.float32(self.low)) * scale, 0, MAX_GREY)


EIGHT_BITS = Gain(0.0, MAX_GREY)


def whole_levels(frame: Frame) -> UInt8[np.ndarray, "h w c"]:
    """Returns a frame without the fractions of its grey levels, as a picture to look at."""
    return frame if frame.dtype == np.uint8 else np.rint(frame).astype(np.uint8)


def measure_gain(beginning: Iterable[np.ndarray]) -> Gain:
    """Returns the gain for a scene that begins with these frames; for 8-bit frames that is `EIGHT_BITS`."""
    counts = np.zeros(LEVELS, np.int64)
    for frame in beginning:
        if frame.dtype == np.uint8:
            return EIGHT_BITS
        counts += np.bincount(frame.ravel(), minlength=LEVELS)
    if not counts.any():
        return EIGHT_BITS
    shares = np.cumsum(counts) / np.sum(counts)
    low, high = (float(np.searchsorted(shares, share)) for share in (OUTLIERS / 100, 1 - OUTLIERS / 100))
    margin = max(MARGIN * (high - low), 1.0)
    return Gain(low - margin, high + margin)
