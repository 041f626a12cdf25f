"""The plain loop for `temporal` planes: each frame beside its background and its short-term mean.

It does as a plain program would: the two means before every frame are worked out once and kept as images of 16 bits, a
clip reads those of its first frame and goes on from there, and every change is made to all three planes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from jvlgs_jax.data.plain_loop import SMOOTH, PlainClips

WARM_UP, BACKGROUND_RATE, SHORT_TERM_RATE = 40, 1 / 800, 1 / 5
STEPS = 256  # a grey level's share in which means are stored


def write_means(frames: Sequence[Path], folder: Path) -> list[tuple[Path, Path]]:
    """Writes both means of what comes before each frame as PNG files and returns their paths."""
    means: list[np.ndarray] = []
    files = []
    folder.mkdir()
    for number, path in enumerate(frames):
        frame = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)).astype(np.float32)
        means = means or [frame.copy(), frame.copy()]
        pair = (folder / f"background{number:03}.png", folder / f"short{number:03}.png")
        for file, mean in zip(pair, means, strict=True):
            cv2.imwrite(str(file), np.rint(STEPS * mean).astype(np.uint16))
        files.append(pair)
        _remember(frame, means, number)
    return files


@dataclass(frozen=True, kw_only=True)
class PlainTemporalClips(PlainClips):
    """Clips of `temporal` planes of one video.

    Attributes:
        means: image files of the two means before each frame, see `write_means`.
    """

    means: Sequence[tuple[Path, Path]]

    def _read(self, numbers: list[int]) -> list[np.ndarray]:
        """Decodes the frames and the means before the first, and goes on with them."""
        stored = [cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in self.means[numbers[0]]]
        means = [np.asarray(mean).astype(np.float32) / STEPS for mean in stored]
        planes = []
        for number in numbers:
            frame = np.asarray(cv2.imread(str(self.frames[number]), cv2.IMREAD_GRAYSCALE)).astype(np.float32)
            planes.append(np.stack([frame, *means], axis=-1))
            _remember(frame, means, number)
        return planes

    def _disturb(self, frames: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        """Adds clouds, blurs, adds noise, and lets the exposure drift, in each plane as far as it shows there."""
        config = self.augmentation
        height, width, _ = frames[0].shape
        age = int(np.exp(rng.uniform(np.log(20), np.log(800))))
        h, w = -(-height // 2), -(-width // 2)
        y, x = np.meshgrid(np.fft.fftfreq(h), np.fft.rfftfreq(w), indexing="ij")
        distance = np.hypot(y, x)
        distance[0, 0] = np.inf
        spectrum = np.fft.rfft2(rng.normal(size=(h, w))) / distance ** rng.uniform(1.2, 2.2)
        spectrum *= np.exp(rng.uniform(*np.log(config.cloud_contrast))) / np.fft.irfft2(spectrum, (h, w)).std()
        direction, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0, config.cloud_speed / 2)
        phase = 2 * np.pi * speed * (np.sin(direction) * y + np.cos(direction) * x)
        shares = _shares(phase, age)
        rows, columns = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
        along = np.sin(direction) * rows + np.cos(direction) * columns
        place = 1 / (1 + np.exp(-(along - rng.uniform(-1, 1)) / rng.uniform(0.02, 0.5)))
        sigma = rng.uniform(*config.blur_sigma)
        deviation = rng.uniform(0, config.temporal_noise)
        pattern = rng.normal(size=(height, width)) + rng.normal(size=(1, width))
        pattern *= rng.uniform(0, config.fixed_pattern_noise) / np.sqrt(2)
        residues = deviation / np.sqrt((min(age, WARM_UP), 2 / SHORT_TERM_RATE - 1))
        noise_means = [rng.normal(0, residue, (height, width)).astype(np.float32) for residue in residues]
        swing, start, period = rng.uniform(0, config.exposure_drift), rng.uniform(0, 2 * np.pi), rng.uniform(20, 2000)
        levels = np.concatenate(_shares(np.array([2 * np.pi / period]), age))
        disturbed = []
        for t, frame in enumerate(frames):
            turn = spectrum * np.exp(-1j * phase * t)
            textures = [cv2.resize(np.fft.irfft2(turn * share, (h, w)), (width, height)) for share in shares]
            frame = np.clip(frame + np.stack(textures, axis=-1) * place[..., None], 0, 255)
            frame = cv2.GaussianBlur(frame, (0, 0), sigma)
            noise = rng.normal(0, deviation, (height, width)).astype(np.float32)
            frame = np.clip(frame + np.stack([noise, *noise_means], axis=-1) + pattern[..., None], 0, 255)
            _remember(noise, noise_means, age + t)
            frame = frame + swing * (np.exp(1j * (start - 2 * np.pi * t / period)) * levels).real
            disturbed.append(np.clip(frame, 0, 255).astype(np.float32))
        return disturbed

    def _record(self, frames: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        """Turns the polarity, writes text over the planes, and stores each as JPEG; they keep their fractions."""
        config = self.augmentation
        height, width, _ = frames[0].shape
        quality = int(rng.integers(config.codec_quality[0], config.codec_quality[1] + 1))
        written = np.zeros((height, width), np.uint8)
        for _ in range(rng.integers(1, config.text_lines + 1)):
            text = "".join(rng.choice(list("0123456789:./"), size=12))
            place = (int(rng.uniform(0, 0.7) * width), int(rng.uniform(0, 1) * height))
            cv2.putText(written, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255,), 1)
        recorded = []
        for frame in frames:
            image = 255 - frame
            image[written > 0] = 255
            planes = []
            for plane in cv2.split(image):
                whole = plane.astype(np.uint8)
                _, encoded = cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, quality])
                planes.append(plane - whole + np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)))
            recorded.append(np.clip(np.stack(planes, axis=-1), 0, 255))
        return recorded

    def _jitter(self, frames: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        """Changes brightness, contrast and sharpness of all planes alike; they have no colours."""
        config = self.augmentation
        brightness, contrast = rng.uniform(*config.brightness), rng.uniform(*config.contrast)
        sharpness = rng.uniform(*config.sharpness)
        frames = [np.clip(frame * np.float32(brightness), 0, 255) for frame in frames]
        mean = np.mean([frame[..., 0].mean() for frame in frames])
        jittered = []
        for frame in frames:
            frame = np.clip(mean + contrast * (frame - mean), 0, 255).astype(np.float32)
            smooth = cv2.filter2D(frame, -1, SMOOTH, borderType=cv2.BORDER_REPLICATE)
            jittered.append(np.clip(smooth + np.float32(sharpness) * (frame - smooth), 0, 255))
        return jittered


def _remember(frame: np.ndarray, means: list[np.ndarray], number: int) -> None:
    """Takes frame `number` into both means."""
    rate = 1 / (number + 1) if number < WARM_UP else BACKGROUND_RATE
    cv2.accumulateWeighted(frame, means[0], rate)
    cv2.accumulateWeighted(frame, means[1], SHORT_TERM_RATE)


def _shares(phase: np.ndarray, age: int) -> list[np.ndarray]:
    """How much of a wave that turns by `phase` a frame shows in the frame and in its two means."""
    before = np.exp(1j * phase)
    turns = phase / (2 * np.pi)
    background = np.exp(0.5j * (age + 1) * phase) * np.sinc(age * turns) / np.sinc(turns)
    short_term = SHORT_TERM_RATE * before / (1 - (1 - SHORT_TERM_RATE) * before)
    return [np.ones_like(before), background, short_term]
