"""Classical detectors to compare with: anything learnt should beat them.

All are causal, need no training and assume a static camera. They take the frames of one video and yield one 0/1 mask a
frame.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from jvlgs_jax.data.gain import Frame
from jvlgs_jax.data.planes import input_planes, luma
from jvlgs_jax.inference.morphology import opening

OPENING_KERNEL = 9
MOG2_VARIANCE_THRESHOLD = 16.0  # OpenCV's default, in squared deviations
MOG2_HISTORY = 500  # frames; OpenCV's default
DIFFERENCE_THRESHOLD = 8.0  # grey levels
DIFFERENCE_BLUR = 3.0  # pixels, standard deviation
MEDIAN_FRAMES = 25  # in the median
MEDIAN_STRIDE = 5  # every 5th frame of the past: 125 frames of it in all

Baseline = Callable[[Iterable[Frame]], Iterator[UInt8[np.ndarray, "h w"]]]


def mog2(frames: Iterable[Frame]) -> Iterator[UInt8[np.ndarray, "h w"]]:
    """OpenCV's mixture-of-Gaussians background subtraction on grey frames, without shadows, then a 9x9 opening.

    Source: Zivkovic, "Improved Adaptive Gaussian Mixture Model for Background Subtraction", ICPR 2004.
    """
    subtractor = cv2.createBackgroundSubtractorMOG2(
        history=MOG2_HISTORY, varThreshold=MOG2_VARIANCE_THRESHOLD, detectShadows=False
    )
    for frame in frames:
        foreground = subtractor.apply(np.ascontiguousarray(luma(frame)))
        yield opening((foreground > 0).astype(np.uint8), OPENING_KERNEL)


def background_difference(frames: Iterable[Frame]) -> Iterator[UInt8[np.ndarray, "h w"]]:
    """Where the blurred difference to the causal background exceeds 8 grey levels either way, then a 9x9 opening.

    The background is that of the temporal input planes; the blur is Gaussian with a deviation of 3 pixels.
    """
    stream = input_planes("temporal").stream()
    for frame in frames:
        planes = stream.push(frame)
        yield _departures(planes[..., 0] - planes[..., 1])


def temporal_median(frames: Iterable[Frame]) -> Iterator[UInt8[np.ndarray, "h w"]]:
    """Where the blurred difference to the median of the past exceeds 8 grey levels either way, then a 9x9 opening.

    The median is that of the last 25 of every 5th frame, the present one included where it is one of them. Threshold
    and blur are those of `background_difference`, so that the two differ only in how they know the background.
    """
    past: deque[np.ndarray] = deque(maxlen=MEDIAN_FRAMES)
    background = np.float32(0)
    for index, frame in enumerate(frames):
        grey = luma(frame).astype(np.float32)
        if index % MEDIAN_STRIDE == 0:
            past.append(grey)
            background = np.median(np.stack(past), axis=0).astype(np.float32)
        yield _departures(grey - background)


def _departures(difference: Float32[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    blurred = cv2.GaussianBlur(difference, ksize=(0, 0), sigmaX=DIFFERENCE_BLUR)
    return opening((np.abs(blurred) > DIFFERENCE_THRESHOLD).astype(np.uint8), OPENING_KERNEL)


BASELINES: dict[str, Baseline] = {
    "mog2": mog2,
    "background_difference": background_difference,
    "temporal_median": temporal_median,
}
