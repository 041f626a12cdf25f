"""Random changes to a training clip: the published ones, in the published order, after distractors if asked for.

The released program drew the photometric changes anew for each frame of a clip, which looks like flicker to a model of
motion; one draw a clip is the default here, and `JitterScope.FRAME` the published way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from jaxtyping import Float32

from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.distractors import DriftingClouds, ExposureDrift
from jvlgs_jax.data.planes import InputPlanes
from jvlgs_jax.errors import UserError

Range = tuple[float, float]
ClipTransform = Callable[[ClipSample, np.random.Generator], ClipSample]

# Pillow's SMOOTH filter: sharpness 0 is this, 1 the picture, 2 as far beyond.
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13


class JitterScope(StrEnum):
    """What shares one draw of the photometric changes."""

    CLIP = "clip"
    FRAME = "frame"


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """Probabilities and ranges; the defaults are the published ones. UserError for a value out of range.

    Attributes:
        flip_probability: of a horizontal flip of the clip.
        rotation_probability: of a rotation of the clip.
        rotation_degrees: the angle is a whole number of degrees in [-rotation_degrees, rotation_degrees).
        brightness, contrast, color, sharpness: ranges of Pillow-like factors; (1, 1) changes nothing.
        jitter_scope: what shares one draw of these four.
        salt_and_pepper: share of a mask's pixels set to 0 or 1 at random.
        cloud_probability: of clouds that drift through the clip; none in the published program, nor is the rest.
        cloud_contrast: range of the clouds' standard deviation, in grey levels.
        cloud_speed: the clouds' largest drift, in pixels a frame.
        exposure_drift: largest slow swing of all grey levels, in grey levels.
    """

    flip_probability: float = 0.5
    rotation_probability: float = 0.2
    rotation_degrees: int = 15
    brightness: Range = (0.5, 1.5)
    contrast: Range = (0.5, 1.5)
    color: Range = (0.0, 2.0)
    sharpness: Range = (0.0, 3.0)
    jitter_scope: JitterScope = JitterScope.CLIP
    salt_and_pepper: float = 0.0015
    cloud_probability: float = 0.0
    cloud_contrast: Range = (1.5, 15.0)
    cloud_speed: float = 1.0
    exposure_drift: float = 0.0

    def __post_init__(self) -> None:
        for name in ("flip_probability", "rotation_probability", "salt_and_pepper", "cloud_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name} is {getattr(self, name)}, it must lie between 0 and 1: 0 turns it off")
        for name in ("brightness", "contrast", "color", "sharpness"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise UserError(f"{name} is ({low}, {high}), it must be 0 <= low <= high: (1, 1) turns it off")
        for name in ("cloud_speed", "exposure_drift"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}, it must not be negative: 0 turns it off")
        low, high = self.cloud_contrast
        if not 0 < low <= high:
            raise UserError(f"cloud_contrast is ({low}, {high}), it must be 0 < low <= high: (1.5, 15) is usual")
        if not 1 <= self.rotation_degrees <= 180:
            raise UserError(
                f"rotation_degrees is {self.rotation_degrees}, it must lie between 1 and 180: "
                "rotation_probability 0 turns it off"
            )
        if self.jitter_scope not in list(JitterScope):
            raise UserError(
                f"jitter_scope is {self.jitter_scope!r}, it must be {' or '.join(JitterScope)}: clip is usual"
            )


@dataclass(frozen=True, kw_only=True)
class HorizontalFlip:
    """Mirrors planes and masks together."""

    probability: float

    def __call__(self, sample: ClipSample, rng: np.random.Generator) -> ClipSample:
        """Mirrors the clip with the given probability."""
        if rng.random() >= self.probability:
            return sample
        return ClipSample(*(np.ascontiguousarray(images[:, :, ::-1]) for images in sample))


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """Turns planes and masks together about the centre; what comes in from outside is black and no gas."""

    probability: float
    degrees: int

    def __call__(self, sample: ClipSample, rng: np.random.Generator) -> ClipSample:
        """Turns the clip by one angle with the given probability."""
        if rng.random() >= self.probability:
            return sample
        angle = int(rng.integers(-self.degrees, self.degrees))
        planes = _rotate(sample.planes, angle, cv2.INTER_CUBIC)
        return ClipSample(np.clip(planes, 0, 255), _rotate(sample.mask, angle, cv2.INTER_LINEAR))


@dataclass(frozen=True, kw_only=True)
class PhotometricJitter:
    """Changes brightness, contrast, colour and sharpness of the planes.

    The three planes of a frame always change alike, by the same factors and about the same grey: the differences of
    `temporal` planes scale with the picture, as if the camera had seen it so.
    """

    planes: InputPlanes
    brightness: Range
    contrast: Range
    color: Range
    sharpness: Range
    scope: JitterScope

    def __call__(self, sample: ClipSample, rng: np.random.Generator) -> ClipSample:
        """Draws the four factors for the clip or for each frame, and applies them in that order."""
        parts = 1 if self.scope == JitterScope.CLIP else len(sample.planes)
        changed = [self._jitter(part, rng) for part in np.split(sample.planes, parts)]
        return sample._replace(planes=np.concatenate(changed))

    def _jitter(self, images: Float32[np.ndarray, "t h w 3"], rng: np.random.Generator) -> np.ndarray:
        images = _blend(np.float32(0), images, rng.uniform(*self.brightness))
        grey = _grey(images) if self.planes.colored else images[..., :1]
        images = _blend(grey.mean(), images, rng.uniform(*self.contrast))
        if self.planes.colored:
            images = _blend(_grey(images), images, rng.uniform(*self.color))
        smooth = np.stack([cv2.filter2D(image, -1, _SMOOTH, borderType=cv2.BORDER_REPLICATE) for image in images])
        return _blend(smooth, images, rng.uniform(*self.sharpness))


@dataclass(frozen=True, kw_only=True)
class SaltAndPepper:
    """Sets a share of the pixels of each mask to 0 or 1 at random."""

    share: float

    def __call__(self, sample: ClipSample, rng: np.random.Generator) -> ClipSample:
        """Draws pixels with replacement, as published."""
        mask = sample.mask.copy()
        pixels = mask.reshape(len(mask), -1)
        count = int(self.share * pixels.shape[1])
        where = rng.integers(pixels.shape[1], size=(len(mask), count))
        np.put_along_axis(pixels, where, rng.integers(2, size=where.shape).astype(np.float32), axis=1)
        return sample._replace(mask=mask)


def augmentations(config: AugmentationConfig, planes: InputPlanes) -> tuple[ClipTransform, ...]:
    """Returns the transforms of `config`, to be applied in order to a `ClipSample` of `planes`."""
    return (
        DriftingClouds(
            planes=planes,
            probability=config.cloud_probability,
            contrast=config.cloud_contrast,
            speed=config.cloud_speed,
        ),
        ExposureDrift(planes=planes, amplitude=config.exposure_drift),
        HorizontalFlip(probability=config.flip_probability),
        Rotation(probability=config.rotation_probability, degrees=config.rotation_degrees),
        PhotometricJitter(
            planes=planes,
            brightness=config.brightness,
            contrast=config.contrast,
            color=config.color,
            sharpness=config.sharpness,
            scope=config.jitter_scope,
        ),
        SaltAndPepper(share=config.salt_and_pepper),
    )


def _rotate(images: Float32[np.ndarray, "t h w c"], angle: int, interpolation: int) -> Float32[np.ndarray, "t h w c"]:
    height, width = images.shape[1:3]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1)
    turned = [cv2.warpAffine(image, turn, (width, height), flags=interpolation) for image in images]
    return np.stack(turned).reshape(images.shape)


def _blend(
    low: Float32[np.ndarray, "*_"] | np.float32, images: Float32[np.ndarray, "t h w 3"], factor: float
) -> Float32[np.ndarray, "t h w 3"]:
    """Returns `low` for factor 0, `images` for 1, and beyond for more, within 0..255 (Pillow's rule)."""
    return np.clip(low + np.float32(factor) * (images - low), 0, 255)


def _grey(images: Float32[np.ndarray, "t h w 3"]) -> Float32[np.ndarray, "t h w 1"]:
    return (images @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
