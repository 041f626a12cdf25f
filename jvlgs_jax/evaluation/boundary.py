"""How well two outlines agree: the counts behind the boundary F of the DAVIS benchmark.

Source: Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", CVPR 2016.
"""

from math import ceil, hypot
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

TOLERANCE = 0.008  # of the image diagonal


class BoundaryCounts(NamedTuple):
    """Boundary pixels of a prediction and its truth, and how many of each lie near the other's boundary."""

    predicted: int
    predicted_matched: int
    true: int
    true_matched: int


def boundary_counts(mask: UInt8[np.ndarray, "h w"], truth: UInt8[np.ndarray, "h w"]) -> BoundaryCounts:
    """Compares the outlines of two 0/1 masks; near is within 0.008 of the image diagonal, rounded up to pixels."""
    predicted, true = outline(mask), outline(truth)
    reach = disk(ceil(TOLERANCE * hypot(*mask.shape)))
    near_predicted, near_true = (cv2.dilate(line.astype(np.uint8), reach) > 0 for line in (predicted, true))
    return BoundaryCounts(
        predicted=int(np.count_nonzero(predicted)),
        predicted_matched=int(np.count_nonzero(predicted & near_true)),
        true=int(np.count_nonzero(true)),
        true_matched=int(np.count_nonzero(true & near_predicted)),
    )


def boundary_f(counts: BoundaryCounts) -> float:
    """Returns the harmonic mean of boundary precision and recall.

    Without any boundary in either mask it is 1; with a boundary in only one of them it is 0.
    """
    if counts.predicted == 0 or counts.true == 0:
        return float(counts.predicted == counts.true)
    precision = counts.predicted_matched / counts.predicted
    recall = counts.true_matched / counts.true
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def outline(mask: UInt8[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Returns the pixels that differ from the one to the right, below, or below right; the image's edge is none."""
    padded = np.pad(mask > 0, ((0, 1), (0, 1)), mode="edge")
    here = padded[:-1, :-1]
    return (here != padded[:-1, 1:]) | (here != padded[1:, :-1]) | (here != padded[1:, 1:])


def disk(radius: int) -> UInt8[np.ndarray, "d d"]:
    """Returns the pixels no further than `radius` from the centre."""
    offset = np.arange(-radius, radius + 1)
    return (offset[:, None] ** 2 + offset**2 <= radius**2).astype(np.uint8)
