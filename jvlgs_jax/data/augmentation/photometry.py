"""How bright things are: gains, colours, sharpness and polarity, of all planes alike."""

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from jaxtyping import Float32

from jvlgs_jax.data.augmentation.transform import Range
from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.planes import InputPlanes

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class JitterScope(StrEnum):
    """What shares one draw of the photometric changes."""

    CLIP = "clip"
    FRAME = "frame"


@dataclass(frozen=True, kw_only=True)
class PhotometricJitter:
    """Changes brightness, contrast, colour and sharpness of the planes, by Pillow's rules.

    The three planes of a frame always change alike, by the same factors and about the same grey: the differences of
    `temporal` planes scale with the picture, as if the camera had seen it so.

    The released program drew the factors anew for each frame of a clip, which looks like flicker to a model of motion:
    that is `JitterScope.FRAME`.
    """

    planes: InputPlanes
    brightness: Range
    contrast: Range
    color: Range
    sharpness: Range
    scope: JitterScope

    def __call__(self, sample: ClipSample, rng: np.random.Generator) -> ClipSample:
        """Draws the four factors for the clip or for each frame, and applies them in that order."""
        changed = np.empty(sample.planes.shape, np.float32)
        parts = 1 if self.scope == JitterScope.CLIP else len(changed)
        for images, results in zip(np.split(sample.planes, parts), np.split(changed, parts), strict=True):
            self._jitter(images, results, rng)
        return sample._replace(planes=changed)

    def _jitter(
        self, images: Float32[np.ndarray, "t h w c"], results: Float32[np.ndarray, "t h w c"], rng: np.random.Generator
    ) -> None:
        """Writes the changed `images` to `results`; frame by frame, so that a frame stays in the processor's cache."""
        brightness, contrast, color, sharpness = (
            np.float32(rng.uniform(*range_)) for range_ in (self.brightness, self.contrast, self.color, self.sharpness)
        )
        for image, result in zip(images, results, strict=True):
            np.clip(np.multiply(image, brightness, out=result), 0, 255, out=result)
        grey = np.mean([self._mean_grey(result) for result in results], dtype=np.float32)
        for result in results:
            result *= contrast
            result += (1 - contrast) * grey
            np.clip(result, 0, 255, out=result)
            if self._has_colors(result):
                cv2.transform(result, color * np.eye(3, dtype=np.float32) + (1 - color) * _LUMA, dst=result)
                np.clip(result, 0, 255, out=result)
            _sharpen(result, float(sharpness))

    def _mean_grey(self, image: Float32[np.ndarray, "h w c"]) -> float:
        means = cv2.mean(image)[:3]
        return float(np.dot(means, _LUMA)) if self._has_colors(image) else means[0]

    def _has_colors(self, image: Float32[np.ndarray, "h w c"]) -> bool:
        return self.planes.colored and image.shape[-1] == 3


@dataclass(frozen=True, kw_only=True)
class PolarityFlip:
    """Turns white-hot pictures black-hot and back."""

    probability: float

    def __call__(self, sample: ClipSample, rng: np.random.Generator) -> ClipSample:
        """Mirrors the grey levels of all planes about the middle with the given probability."""
        if rng.random() >= self.probability:
            return sample
        return sample._replace(planes=255 - sample.planes)


def _sharpen(image: Float32[np.ndarray, "h w c"], factor: float) -> None:
    """Blends in place from Pillow's SMOOTH of the image (0) over the image (1) to as far beyond (2)."""
    # SMOOTH weighs the centre 5/13 and its neighbours 1/13: 4/13 of the image and 9/13 of the 3x3 mean.
    mean = cv2.blur(image, (3, 3), borderType=cv2.BORDER_REPLICATE)
    cv2.addWeighted(image, factor + (1 - factor) * 4 / 13, mean, (1 - factor) * 9 / 13, 0, dst=image)
    np.clip(image, 0, 255, out=image)
