"""What a confidence gate's thresholds are asked of: a frame's probabilities, beside those of the frames before it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

# One frame's logit counts no more than this probability's: else a single sure frame would outweigh all around it.
MOST_CERTAIN = 1 - 1e-4


class Evidence(NamedTuple):
    """Of one frame.

    Attributes:
        low: what the lower threshold is asked of.
        high: what the upper one is.
    """

    low: Float32[np.ndarray, "h w"]
    high: Float32[np.ndarray, "h w"]


class RunningMean:
    """The exponential mean of a video's logits, frame by frame, as probabilities; it begins with the first frame."""

    def __init__(self, rate: float) -> None:
        """`rate`, above 0, is the share of the newest frame; 1 leaves every frame as it is."""
        self._rate = np.float32(rate)
        self._logits: np.ndarray | None = None

    def push(self, probability: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        """Returns the mean up to the next frame."""
        if self._rate == 1:
            return probability
        certain = np.clip(probability, np.float32(1 - MOST_CERTAIN), np.float32(MOST_CERTAIN))
        logits = np.log(certain / (1 - certain))
        self._logits = logits if self._logits is None else self._logits + self._rate * (logits - self._logits)
        return 1 / (1 + np.exp(-self._logits))


class EvidenceStream:
    """The evidence in one video, frame by frame; it depends on no later frame."""

    def __init__(self, low_rate: float, high_rate: float) -> None:
        """Starts a video; see `postprocess.ConfidenceGate` for the rates."""
        self._low = RunningMean(low_rate)
        self._high = RunningMean(high_rate)

    def push(self, probability: Float32[np.ndarray, "h w"]) -> Evidence:
        """Returns the evidence in the next frame."""
        return Evidence(np.maximum(probability, self._low.push(probability)), self._high.push(probability))
