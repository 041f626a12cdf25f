"""Tells when the camera moves: models and people then see change everywhere, and none of it is gas."""

from dataclasses import dataclass
from math import hypot, inf

import cv2
import numpy as np
from jaxtyping import Float32

from jvlgs_jax.data.gain import Frame
from jvlgs_jax.data.planes import BACKGROUND_RATE, BACKGROUND_WARM_UP, luma
from jvlgs_jax.errors import UserError

WIDEST = 256  # pixels of the picture's longer side that are compared: enough for shifts of a tenth of one
DETAIL = 4.0  # pixels, Gaussian: what is wider is left out, as light, gain and thin gas change it
BETTER = 0.8  # share of the difference that may remain once a true shift is undone
UNLIKE = 0.5  # share of the usual likeness below which a picture shows another view
LIKENESS_FRAMES = 40  # of which the usual likeness is a mean, plain at first and then exponential
CLEAR = 0.5  # least usual likeness that can be judged: below it, noise is stronger than the view's detail


@dataclass(frozen=True, kw_only=True)
class CameraMotionConfig:
    """When the camera counts as moving: while the picture is shifted against the background, and a moment longer.

    Attributes:
        shift: least shift, as a share of the picture's longer side; 1 or more finds no shift.
        settle_s: seconds without a shift after which the camera stands again.
    """

    shift: float = 0.01
    settle_s: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.shift < inf:
            raise UserError(f"camera: shift is {self.shift}, it must be above 0, as a share of the picture's side")
        if not 0 <= self.settle_s < inf:
            raise UserError(f"camera: settle_s is {self.settle_s}, it must be a time of 0 seconds or more")


class CameraMotion:
    """Compares each frame of a video with a background that learns as slowly as that of the `temporal` input planes.

    A camera that comes to rest elsewhere therefore counts as moving until the background shows the new view, up to 800
    frames: so long, a model that sees differences from a background would see the old view as gas.

    A shift is that of the largest phase correlation, and counts only if undoing it leaves less difference: noise and
    objects that move do not do that. A picture that is much less like the background than usual is another view. Zoom
    and rotation are found only where they do one of the two.
    """

    def __init__(self, config: CameraMotionConfig, frames_per_second: float) -> None:
        """Starts a video."""
        self._config = config
        self._settle_frames = round(config.settle_s * frames_per_second)
        self._still = inf  # frames since the last shift
        self._seen = 0
        self._background = np.empty((0, 0), np.float32)
        self._compared = 0
        self._usual_likeness = 0.0

    def push(self, frame: Frame) -> bool:
        """Returns whether the camera moves, or has until a moment ago."""
        picture = _small(frame)
        if self._seen == 0:
            self._background = picture.copy()
        elif min(picture.shape) > 1 and self._is_shifted(_detail(self._background), _detail(picture)):
            self._still = -1
        self._still += 1
        self._seen += 1
        rate = 1 / self._seen if self._seen <= BACKGROUND_WARM_UP else BACKGROUND_RATE
        cv2.accumulateWeighted(picture, self._background, rate)
        return self._still <= self._settle_frames

    def _is_shifted(self, background: Float32[np.ndarray, "h w"], picture: Float32[np.ndarray, "h w"]) -> bool:
        if self._config.shift >= 1:
            return False
        likeness = _correlation(background, picture)
        if self._usual_likeness > CLEAR and likeness < UNLIKE * self._usual_likeness:
            return True
        (x, y), _ = cv2.phaseCorrelate(background, picture, cv2.createHanningWindow(picture.shape[::-1], cv2.CV_32F))
        if hypot(x, y) >= self._config.shift * max(picture.shape) and _explains((x, y), background, picture):
            return True
        self._compared += 1
        self._usual_likeness += (likeness - self._usual_likeness) / min(self._compared, LIKENESS_FRAMES)
        return False


def _small(frame: Frame) -> Float32[np.ndarray, "small_h small_w"]:
    grey = luma(frame).astype(np.float32)
    scale = WIDEST / max(grey.shape)
    if scale >= 1:
        return grey
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    return cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)


def _detail(picture: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    return picture - cv2.GaussianBlur(picture, (0, 0), DETAIL)


def _correlation(first: Float32[np.ndarray, "h w"], second: Float32[np.ndarray, "h w"]) -> float:
    """From -1 to 1; 1 where one of them is flat, of which nothing can be said."""
    first, second = first - first.mean(), second - second.mean()
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float((first * second).sum()) / norm if norm > 0 else 1.0


def _explains(
    shift: tuple[float, float], background: Float32[np.ndarray, "h w"], picture: Float32[np.ndarray, "h w"]
) -> bool:
    """Whether the background differs less from the picture once it is shifted, where both show the same."""
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    moved = cv2.warpAffine(background, move, background.shape[::-1])
    seen = cv2.warpAffine(np.ones_like(background), move, background.shape[::-1]) > 0.99
    if not seen.any():
        return False
    before, after = (float(np.abs(picture - each)[seen].mean()) for each in (background, moved))
    return after < BETTER * before
