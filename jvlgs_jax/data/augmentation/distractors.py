"""Distractors drawn into training clips: what changes in a scene without any gas.

Few labelled videos hold clouds that drift or a camera whose exposure wanders, and a network that has seen none of them
takes both for gas. They are added to a clip's planes directly: a pattern that moves or swings at a steady rate shows in
each plane multiplied by that plane's `drift_response`, so neither frames nor means are made again.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32
from scipy import fft

from jvlgs_jax.data.augmentation.transform import Range, draw_age, normal
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
        channels = 3 if self.planes.remembers else 1  # clouds are grey: one texture for planes that are the frame
        textures = self._textures(frames, -(-height // _COARSE), -(-width // _COARSE), channels, rng)
        place = _soft_half_plane(height, width, rng)[..., None]
        clouded = np.empty(sample.planes.shape, np.float32)
        for result, image, texture in zip(clouded, sample.planes, textures, strict=True):
            clouds = cv2.resize(texture, (width, height)).reshape(height, width, channels)
            np.add(image, clouds * place, out=result)
            np.clip(result, 0, 255, out=result)
        return sample._replace(planes=clouded)

    def _textures(
        self, frames: int, height: int, width: int, channels: int, rng: np.random.Generator
    ) -> Float32[np.ndarray, "t h w c"]:
        rows, columns = fft.fftfreq(height).astype(np.float32)[:, None], fft.rfftfreq(width).astype(np.float32)
        distance = np.hypot(rows, columns)
        distance[0, 0] = np.inf  # no mean: that is the exposure
        spectrum = fft.rfft2(normal(rng, (height, width))) / distance ** np.float32(rng.uniform(*_STEEPNESS))
        texture = fft.irfft2(spectrum, (height, width))
        spectrum *= np.float32(np.exp(rng.uniform(*np.log(self.contrast))) / texture.std())
        direction, speed = rng.uniform(0, 2 * math.pi), rng.uniform(0, self.speed / _COARSE)
        phase = 2 * math.pi * speed * (math.sin(direction) * rows + math.cos(direction) * columns)
        response = self.planes.drift_response(phase, draw_age(rng))[..., :channels]
        shown = spectrum[..., None] * response.astype(np.complex64)
        turn = np.exp(-1j * self.step * phase)[..., None]
        moved = np.empty((frames, *shown.shape), np.complex64)
        for frame in moved:
            frame[...] = shown
            shown = shown * turn
        return fft.irfft2(moved, (height, width), axes=(1, 2))


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
        levels = (swing[:, None] * self.planes.drift_response(phase, draw_age(rng))).real
        drifted = np.empty(sample.planes.shape, np.float32)
        for result, image, level in zip(drifted, sample.planes, levels, strict=True):
            cv2.add(image, (*level, 0.0), dst=result)  # pyrefly: ignore[no-matching-overload]  # a Scalar
            np.clip(result, 0, 255, out=result)
        return sample._replace(planes=drifted)


def _soft_half_plane(height: int, width: int, rng: np.random.Generator) -> Float32[np.ndarray, "h w"]:
    """1 on one side of a random line, 0 on the other, with an edge that is sharp or soft: sky above a skyline."""
    direction = rng.uniform(0, 2 * np.pi)
    rows, columns = np.linspace(-np.sin(direction), np.sin(direction), height), np.linspace(-1, 1, width)
    along = (rows[:, None] + np.cos(direction) * columns).astype(np.float32)
    softness = np.float32(np.exp(rng.uniform(*np.log((0.02, 0.5)))))
    return 0.5 + 0.5 * np.tanh((along - np.float32(rng.uniform(-1, 1))) / (2 * softness))  # the logistic curve
