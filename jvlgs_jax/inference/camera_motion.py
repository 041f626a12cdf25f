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
NEW_VIEW_FRAMES = 10  # least number that a camera must stand elsewhere before its view counts as the new background
LONGEST_SETTLE_S = 3600.0
CLEAR = 0.5  # least usual likeness that can be judged: below it, noise is stronger than the view's detail


@dataclass(frozen=True, kw_only=True)
class CameraMotionConfig:
    """When the camera counts as moving: while the picture is shifted against the background, and a moment longer.

    Attributes:
        shift: least shift, as a share of the picture's longer side; 1 or more finds no shift.
        settle_s: seconds without a shift, at most 3600, after which the camera stands again, where it stood or
            elsewhere.
    """

    shift: float = 0.01
    settle_s: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.shift < inf:
            raise UserError(f"camera: shift is {self.shift}, it must be above 0, as a share of the picture's side")
        if not 0 <= self.settle_s <= LONGEST_SETTLE_S:
            raise UserError(f"camera: settle_s is {self.settle_s}, it must be 0 to {LONGEST_SETTLE_S:g} seconds")


class CameraMotion:
    """Compares each frame of a video with a background that learns as slowly as that of the `temporal` input planes.

    A camera that comes to rest elsewhere counts as moving until the new view has stood for the settling time, and for
    10 frames at least. Then that view becomes the background, of which the old one is no part: see `push`.

    A shift is that of the largest phase correlation, and counts only if undoing it leaves less difference: noise and
    objects that move do not do that. A picture that is much less like the background than usual is another view. Zoom
    and rotation are found only where they do one of the two.
    """

    def __init__(self, config: CameraMotionConfig, frames_per_second: float) -> None:
        """Starts a video."""
        self._config = config
        self._settle_frames = round(config.settle_s * frames_per_second)
        self._still = inf  # frames since the last shift
        self._background = _Background()
        self._elsewhere: _Background | None = None  # what the camera has seen since it left the background's view
        self._compared = 0
        self._usual_likeness = 0.0
        self.starts_view = False

    def push(self, frame: Frame) -> bool:
        """Returns whether the camera moves, or has until a moment ago.

        Afterwards `starts_view` tells whether this frame is the first with a new view as its background: a model whose
        input planes hold a background of their own should begin it anew there.
        """
        picture = _small(frame)
        self.starts_view = False
        if self._background.frames and min(picture.shape) > 1 and self._has_left(picture):
            self._still = -1
            self._look_elsewhere(picture)
        else:
            self._elsewhere = None
            self._background.push(picture)
        self._still += 1
        return self._still <= self._settle_frames

    def _has_left(self, picture: Float32[np.ndarray, "h w"]) -> bool:
        return self._is_shifted(_detail(self._background.mean), _detail(picture))

    def _look_elsewhere(self, picture: Float32[np.ndarray, "h w"]) -> None:
        """Takes a picture that is shifted, and the view it shows as the background once the camera has stood there."""
        if self._elsewhere is None or self._shift(_detail(self._elsewhere.mean), _detail(picture)):
            self._elsewhere = _Background()
        self._elsewhere.push(picture)
        if self._elsewhere.frames > max(self._settle_frames, NEW_VIEW_FRAMES):
            self._background, self._elsewhere = self._elsewhere, None
            self._still, self._compared, self._usual_likeness = inf, 0, 0.0
            self.starts_view = True

    def _is_shifted(self, background: Float32[np.ndarray, "h w"], picture: Float32[np.ndarray, "h w"]) -> bool:
        if self._config.shift >= 1:
            return False
        likeness = _correlation(background, picture)
        if self._usual_likeness > CLEAR and likeness < UNLIKE * self._usual_likeness:
            return True
        if self._shift(background, picture):
            return True
        self._compared += 1
        self._usual_likeness += (likeness - self._usual_likeness) / min(self._compared, LIKENESS_FRAMES)
        return False

    def _shift(self, background: Float32[np.ndarray, "h w"], picture: Float32[np.ndarray, "h w"]) -> bool:
        (x, y), _ = cv2.phaseCorrelate(background, picture, cv2.createHanningWindow(picture.shape[::-1], cv2.CV_32F))
        return hypot(x, y) >= self._config.shift * max(picture.shape) and _explains((x, y), background, picture)


class _Background:
    """The mean of the frames of one view, which learns as slowly as that of the `temporal` input planes."""

    def __init__(self) -> None:
        self.frames = 0
        self.mean = np.empty((0, 0), np.float32)

    def push(self, picture: Float32[np.ndarray, "h w"]) -> None:
        if self.frames == 0:
            self.mean = picture.copy()
        self.frames += 1
        rate = 1 / self.frames if self.frames <= BACKGROUND_WARM_UP else BACKGROUND_RATE
        cv2.accumulateWeighted(picture, self.mean, rate)


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
