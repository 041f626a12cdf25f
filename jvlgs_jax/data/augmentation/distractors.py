"""Distractors drawn into training clips: what changes in a scene without any gas.

Few labelled videos hold clouds that drift or a camera whose exposure wanders, and a network that has seen none of them
takes both for gas. They are added to a clip's planes directly: a pattern that moves or swings at a steady rate shows in
each plane multiplied by that plane's `drift_response`, so neither frames nor means are made again.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from jvlgs_jax.data.augmentation.transform import Range, draw_age
from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.planes import InputPlanes

_COARSE = 2  # clouds are smooth: they are made at half size
_STEEPNESS = (1.2, 2.2)  # of the fall of amplitude with spatial frequency, from ragged to soft
_SWING = (20, 2000)  # frames a period


@dataclass(frozen=True, kw_only=True)
class DriftingClouds:
    """Adds a random texture that drifts across a part of the picture, as clouds and their shadows do.

    Attributes:
        planes: of the clips.
        probability: of a clip to have clouds.
        contrast: range of the texture's standard deviation, in grey levels; drawn evenly in its logarithm.
        speed: largest drift, in pixels a frame of the video.
        step: frames of the video from one frame of a clip to the next.
    """

    planes: InputPlanes
    probability: float
    contrast: Range
    speed: float
    step: int = 1

    def __call__(self, sample: ClipSample, rng: np.random.Generator) -> ClipSample:
        """Draws texture, drift and place anew for the clip."""
        if rng.random() >= self.probability:
            return sample
        frames, height, width, _ = sample.planes.shape
        clouds = self._texture(frames, -(-height // _COARSE), -(-width // _COARSE), rng)
        clouds = np.stack([cv2.resize(image, (width, height)) for image in clouds])
        clouds *= _soft_half_plane(height, width, rng)[..., None]
        return sample._replace(planes=np.clip(sample.planes + clouds, 0, 255))

    def _texture(
        self, frames: int, height: int, width: int, rng: np.random.Generator
    ) -> Float32[np.ndarray, "t h w 3"]:
        frequency = np.stack(np.meshgrid(np.fft.fftfreq(height), np.fft.rfftfreq(width), indexing="ij"))
        distance = np.hypot(*frequency)
        distance[0, 0] = np.inf  # no mean: that is the exposure
        spectrum = np.fft.rfft2(rng.standard_normal((height, width))) / distance ** rng.uniform(*_STEEPNESS)
        texture = np.fft.irfft2(spectrum, (height, width))
        spectrum *= np.exp(rng.uniform(*np.log(self.contrast))) / texture.std()
        direction, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0, self.speed / _COARSE)
        phase = 2 * np.pi * speed * (np.sin(direction) * frequency[0] + np.cos(direction) * frequency[1])
        response = self.planes.drift_response(phase, draw_age(rng))
        moved = [spectrum * np.exp(-1j * phase * self.step * frame) for frame in range(frames)]
        shown = np.stack(moved)[..., None] * response
        return np.fft.irfft2(shown, (height, width), axes=(1, 2)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class ExposureDrift:
    """Adds a grey level, alike for all pixels, that swings slowly: a gain control that follows the scene.

    Attributes:
        planes: of the clips.
        amplitude: largest swing about the mean, in grey levels.
        step: frames of the video from one frame of a clip to the next.
    """

    planes: InputPlanes
    amplitude: float
    step: int = 1

    def __call__(self, sample: ClipSample, rng: np.random.Generator) -> ClipSample:
        """Draws amplitude, period and phase anew for the clip."""
        if self.amplitude == 0:
            return sample
        phase = np.array(2 * np.pi / np.exp(rng.uniform(*np.log(_SWING))))
        start = rng.uniform(0, self.amplitude) * np.exp(1j * rng.uniform(0, 2 * np.pi))
        swing = start * np.exp(-1j * phase * self.step * np.arange(len(sample.planes)))
        levels = (swing[:, None] * self.planes.drift_response(phase, draw_age(rng))).real.astype(np.float32)
        return sample._replace(planes=np.clip(sample.planes + levels[:, None, None], 0, 255))


def _soft_half_plane(height: int, width: int, rng: np.random.Generator) -> Float32[np.ndarray, "h w"]:
    """1 on one side of a random line, 0 on the other, with an edge that is sharp or soft: sky above a skyline."""
    rows, columns = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    direction = rng.uniform(0, 2 * np.pi)
    along = np.sin(direction) * rows + np.cos(direction) * columns
    softness = np.exp(rng.uniform(*np.log((0.02, 0.5))))
    return (1 / (1 + np.exp(-(along - rng.uniform(-1, 1)) / softness))).astype(np.float32)
