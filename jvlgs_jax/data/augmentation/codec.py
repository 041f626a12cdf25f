"""What storing a video with loss does to it."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.planes import InputPlanes

_BLOCK = 8  # pixels; the transform's size


@dataclass(frozen=True, kw_only=True)
class JpegArtefacts:
    """Sends the clip through JPEG: blocks, ringing, and faint textures lost.

    Every plane that is a grey picture of its own is stored so too. A coder makes the same error in every frame of what
    stands still, so a mean of stored frames has that error as well. The error is added to the plane, which thereby
    keeps its fractions of a grey level.

    Attributes:
        planes: of the clips.
        probability: of a clip to be stored.
        quality: range of the coder's quality, from 1 (worst) to 100.
    """

    planes: InputPlanes
    probability: float
    quality: tuple[int, int]

    def __call__(self, sample: ClipSample, rng: np.random.Generator) -> ClipSample:
        """Stores the clip with one quality with the given probability."""
        if rng.random() >= self.probability:
            return sample
        quality = int(rng.integers(self.quality[0], self.quality[1] + 1))
        stored = np.empty(sample.planes.shape, np.float32)
        for result, image in zip(stored, sample.planes, strict=True):
            rounded = cv2.convertScaleAbs(image).reshape(image.shape)
            in_colors = self.planes.colored and image.shape[-1] == 3
            coded = (_coded_colors if in_colors else _coded_planes)(rounded, quality)
            np.add(image, np.subtract(coded, rounded, dtype=np.float32), out=result)
            np.clip(result, 0, 255, out=result)
        return sample._replace(planes=stored)


def _coded_colors(image: UInt8[np.ndarray, "h w 3"], quality: int) -> UInt8[np.ndarray, "h w 3"]:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.cvtColor(_round_trip(bgr, quality, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def _coded_planes(image: UInt8[np.ndarray, "h w c"], quality: int) -> UInt8[np.ndarray, "h w c"]:
    """One picture for all planes, each below the other, on rows that are whole blocks."""
    height = image.shape[0]
    padding = -height % _BLOCK
    planes = [cv2.copyMakeBorder(plane, 0, padding, 0, 0, cv2.BORDER_REPLICATE) for plane in cv2.split(image)]
    coded = _round_trip(np.concatenate(planes), quality, cv2.IMREAD_GRAYSCALE)
    return cv2.merge([plane[:height] for plane in np.split(coded, len(planes))]).reshape(image.shape)


def _round_trip(image: UInt8[np.ndarray, "..."], quality: int, kind: int) -> UInt8[np.ndarray, "..."]:
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, kind))
