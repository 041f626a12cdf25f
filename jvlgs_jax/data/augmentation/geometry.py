"""Where things are in the picture: changes of planes and masks together."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from jvlgs_jax.data.augmentation.transform import Range
from jvlgs_jax.data.clips import ClipSample


@dataclass(frozen=True, kw_only=True)
class HorizontalFlip:
    """Mirrors planes and masks together."""

    probability: float

    def __call__(self, sample: ClipSample, rng: np.random.Generator) -> ClipSample:
        """Mirrors the clip with the given probability."""
        if rng.random() >= self.probability:
            return sample
        mirrored = [np.empty(images.shape, np.float32) for images in sample]
        for results, images in zip(mirrored, sample, strict=True):
            for result, image in zip(results, images, strict=True):
                cv2.flip(image, 1, dst=result)
        return ClipSample(*mirrored)


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
        return ClipSample(np.clip(planes, 0, 255, out=planes), _rotate(sample.mask, angle, cv2.INTER_LINEAR))


@dataclass(frozen=True, kw_only=True)
class RandomCrop:
    """Keeps a part of the picture of the same shape, anywhere in it; resizing to the network's size then enlarges it.

    Attributes:
        probability: of a clip to be cropped.
        scale: range of the part's height and width, as a share of the picture's.
    """

    probability: float
    scale: Range

    def __call__(self, sample: ClipSample, rng: np.random.Generator) -> ClipSample:
        """Returns a view of one part of the clip with the given probability."""
        if rng.random() >= self.probability:
            return sample
        height, width = sample.planes.shape[1:3]
        scale = rng.uniform(*self.scale)
        kept_height, kept_width = max(round(scale * height), 1), max(round(scale * width), 1)
        top = int(rng.integers(height - kept_height + 1))
        left = int(rng.integers(width - kept_width + 1))
        rows, columns = slice(top, top + kept_height), slice(left, left + kept_width)
        return ClipSample(sample.planes[:, rows, columns], sample.mask[:, rows, columns])


def _rotate(images: Float32[np.ndarray, "t h w c"], angle: int, interpolation: int) -> Float32[np.ndarray, "t h w c"]:
    height, width, channels = images.shape[1:]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1)
    if channels > 1:
        return np.stack([cv2.warpAffine(image, turn, (width, height), flags=interpolation) for image in images])
    # Four frames as the channels of one picture take the time of two.
    fours = [cv2.merge(list(images[i : i + 4, ..., 0])) for i in range(0, len(images), 4)]
    turned = [cv2.warpAffine(four, turn, (width, height), flags=interpolation) for four in fours]
    return np.stack([image for four in turned for image in cv2.split(four)])[..., None]
