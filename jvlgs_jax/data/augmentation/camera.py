"""What the camera adds: blur of its optics, noise of its sensor."""

from dataclasses import dataclass

import cv2
import numpy as np

from jvlgs_jax.data.augmentation.transform import Range, draw_age, normal
from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.planes import InputPlanes, PlaneMemory


@dataclass(frozen=True, kw_only=True)
class Blur:
    """Softens the picture, as optics out of focus do: all planes alike, for a mean of blurred frames is blurred.

    Attributes:
        probability: of a clip to be blurred.
        sigma: range of the Gaussian's deviation, in pixels.
    """

    probability: float
    sigma: Range

    def __call__(self, sample: ClipSample, rng: np.random.Generator) -> ClipSample:
        """Blurs the clip by one Gaussian with the given probability."""
        if rng.random() >= self.probability:
            return sample
        sigma = rng.uniform(*self.sigma)
        blurred = np.empty(sample.planes.shape, np.float32)
        for result, image in zip(blurred, sample.planes, strict=True):
            cv2.GaussianBlur(image, (0, 0), sigma, dst=result, borderType=cv2.BORDER_REPLICATE)
        return sample._replace(planes=blurred)


@dataclass(frozen=True, kw_only=True)
class SensorNoise:
    """Adds noise that is new in every frame, and a pattern of pixels and columns that stays.

    The pattern shows in every plane alike. Of the noise, a frame shows all and a mean what averaging leaves, frame for
    frame as the planes' own memory makes it.

    Attributes:
        planes: of the clips.
        temporal: largest deviation of the noise, in grey levels.
        fixed_pattern: largest deviation of the pattern, in grey levels, half its variance in the columns.
        step: frames of the video from one frame of a clip to the next.
    """

    planes: InputPlanes
    temporal: float
    fixed_pattern: float
    step: int = 1

    def __call__(self, sample: ClipSample, rng: np.random.Generator) -> ClipSample:
        """Draws both deviations anew for the clip, evenly from zero."""
        if self.temporal == self.fixed_pattern == 0:
            return sample
        height, width = sample.planes.shape[1:3]
        pattern = normal(rng, (height, width, 1)) + normal(rng, (1, width, 1))
        pattern *= np.float32(rng.uniform(0, self.fixed_pattern) / np.sqrt(2))
        deviation = np.float32(rng.uniform(0, self.temporal))
        age = draw_age(rng)
        residues = self.planes.noise_response(age)
        means = normal(rng, (height, width, len(residues))) * (deviation * residues)
        stream = self.planes.stream(PlaneMemory(age, means))
        noisy = np.empty(sample.planes.shape, np.float32)
        for number, (result, image) in enumerate(zip(noisy, sample.planes, strict=True)):
            if number and len(residues):
                for _ in range(self.step - 1):  # the frames between, which the means have seen
                    stream.push(deviation * normal(rng, (height, width, 1)))
            noise = deviation * normal(rng, (height, width, 1))
            shown = (stream.push(noise) if len(residues) else noise) + pattern
            np.add(image, shown, out=result)
            np.clip(result, 0, 255, out=result)
        return sample._replace(planes=noisy)
