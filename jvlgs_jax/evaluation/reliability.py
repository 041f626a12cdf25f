"""Whether probabilities mean what they say: of the pixels called 70 % likely to be gas, how many are?"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64

BINS = 20  # of equal width


class Reliability(NamedTuple):
    """Pixels by their probability of gas; bins without pixels have a mean of nan.

    Attributes:
        pixels: how many there are in each bin.
        predicted: their mean probability.
        observed: share of them that is gas.
    """

    pixels: Float64[np.ndarray, " bins"]
    predicted: Float64[np.ndarray, " bins"]
    observed: Float64[np.ndarray, " bins"]

    @property
    def calibration_error(self) -> float:
        """Mean distance of predicted from observed over all pixels (ECE; Guo et al. 2017)."""
        filled = self.pixels > 0
        distance = np.abs(self.predicted - self.observed)[filled]
        return float(np.average(distance, weights=self.pixels[filled]))


class ReliabilityTally:
    """Counts the pixels of any number of frames."""

    def __init__(self) -> None:
        self._pixels, self._probability, self._gas = np.zeros((3, BINS))

    def add(self, probability: Float32[np.ndarray, "h w"], gas: Bool[np.ndarray, "h w"]) -> None:
        """Counts the pixels of a frame."""
        bins = np.minimum((probability.ravel() * BINS).astype(np.intp), BINS - 1)
        self._pixels += np.bincount(bins, minlength=BINS)
        self._probability += np.bincount(bins, weights=probability.ravel(), minlength=BINS)
        self._gas += np.bincount(bins, weights=gas.ravel(), minlength=BINS)

    def result(self) -> Reliability:
        """Returns what was counted so far."""
        with np.errstate(invalid="ignore"):
            return Reliability(self._pixels.copy(), self._probability / self._pixels, self._gas / self._pixels)
