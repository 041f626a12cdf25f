"""Training clips made by a plain OpenCV and NumPy loop: what `jvlgs benchmark data` measures the pipeline against.

It does the work of `batches` with every augmentation on `rgb` planes, written as one would write it first: frame by
frame, 8 bits as long as they do, one line a step. It shares no code with the pipeline and is not used to train.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32

from jvlgs_jax.data.augmentation.config import AugmentationConfig

SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13


@dataclass(frozen=True, kw_only=True)
class PlainClips:
    """Clips of one video, a folder of frames and one of masks; indexed by first frame.

    Attributes:
        frames, masks: image files, one of each a frame.
        length: frames a clip.
        size: (height, width) of the finished clips.
        augmentation: ranges; every change is made to every clip.
        seed: of the changes.
    """

    frames: Sequence[Path]
    masks: Sequence[Path]
    length: int
    size: tuple[int, int]
    augmentation: AugmentationConfig
    seed: int = 0

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, first: int) -> tuple[Float32[np.ndarray, "t h w 3"], Float32[np.ndarray, "s h w 1"]]:
        """Returns planes and masks of the clip from frame `first`."""
        rng = np.random.default_rng((self.seed, first))
        numbers = [min(first + i, len(self.frames) - 1) for i in range(self.length)]
        frames = self._read(numbers)
        masks = [np.asarray(cv2.imread(str(self.masks[i]), cv2.IMREAD_GRAYSCALE)) for i in numbers[:-2]]
        masks = [(mask > 127).astype(np.float32) for mask in masks]
        frames, masks = self._move(frames, masks, rng)
        frames = self._disturb([frame.astype(np.float32) for frame in frames], rng)
        frames = self._record(frames, rng)
        frames = self._jitter(frames, rng)
        for mask in masks:
            count = int(self.augmentation.salt_and_pepper * mask.size)
            mask.ravel()[rng.integers(mask.size, size=count)] = rng.integers(2, size=count)
        height, width = self.size
        enlarges = height > frames[0].shape[0] or width > frames[0].shape[1]
        interpolation = cv2.INTER_LINEAR if enlarges else cv2.INTER_AREA
        frames = [cv2.resize(frame, (width, height), interpolation=interpolation) for frame in frames]
        masks = [cv2.resize(mask, (width, height), interpolation=interpolation) for mask in masks]
        return np.stack(frames).astype(np.float32), np.stack(masks)[..., None]

    def _read(self, numbers: list[int]) -> list[np.ndarray]:
        """Decodes the frames."""
        return [np.asarray(cv2.imread(str(self.frames[i]), cv2.IMREAD_COLOR_RGB)) for i in numbers]

    def _move(
        self, frames: list[np.ndarray], masks: list[np.ndarray], rng: np.random.Generator
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Mirrors, turns and crops."""
        config = self.augmentation
        height, width = masks[0].shape
        frames, masks = [frame[:, ::-1] for frame in frames], [mask[:, ::-1] for mask in masks]
        angle = rng.integers(-config.rotation_degrees, config.rotation_degrees)
        turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), float(angle), 1)
        frames = [cv2.warpAffine(frame, turn, (width, height), flags=cv2.INTER_CUBIC) for frame in frames]
        masks = [cv2.warpAffine(mask, turn, (width, height), flags=cv2.INTER_LINEAR) for mask in masks]
        scale = rng.uniform(*config.crop_scale)
        h, w = round(scale * height), round(scale * width)
        top, left = rng.integers(height - h + 1), rng.integers(width - w + 1)
        frames = [frame[top : top + h, left : left + w] for frame in frames]
        return frames, [mask[top : top + h, left : left + w] for mask in masks]

    def _disturb(self, frames: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        """Adds clouds, blurs, adds noise, and lets the exposure drift."""
        config = self.augmentation
        height, width, _ = frames[0].shape
        h, w = -(-height // 2), -(-width // 2)
        y, x = np.meshgrid(np.fft.fftfreq(h), np.fft.rfftfreq(w), indexing="ij")
        distance = np.hypot(y, x)
        distance[0, 0] = np.inf
        spectrum = np.fft.rfft2(rng.normal(size=(h, w))) / distance ** rng.uniform(1.2, 2.2)
        contrast = np.exp(rng.uniform(*np.log(config.cloud_contrast)))
        spectrum *= contrast / np.fft.irfft2(spectrum, (h, w)).std()
        direction, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0, config.cloud_speed / 2)
        phase = 2 * np.pi * speed * (np.sin(direction) * y + np.cos(direction) * x)
        rows, columns = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
        along = np.sin(direction) * rows + np.cos(direction) * columns
        place = 1 / (1 + np.exp(-(along - rng.uniform(-1, 1)) / rng.uniform(0.02, 0.5)))
        sigma = rng.uniform(*config.blur_sigma)
        deviation = rng.uniform(0, config.temporal_noise)
        pattern = rng.normal(size=(height, width)) + rng.normal(size=(1, width))
        pattern *= rng.uniform(0, config.fixed_pattern_noise) / np.sqrt(2)
        swing, start, period = rng.uniform(0, config.exposure_drift), rng.uniform(0, 2 * np.pi), rng.uniform(20, 2000)
        disturbed = []
        for t, frame in enumerate(frames):
            texture = np.fft.irfft2(spectrum * np.exp(-1j * phase * t), (h, w))
            clouds = cv2.resize(texture, (width, height)) * place
            frame = np.clip(frame + clouds[..., None], 0, 255)
            frame = cv2.GaussianBlur(frame, (0, 0), sigma)
            noise = rng.normal(0, deviation, (height, width)) + pattern
            frame = np.clip(frame + noise[..., None], 0, 255)
            frame = np.clip(frame + swing * np.cos(start + 2 * np.pi * t / period), 0, 255)
            disturbed.append(frame.astype(np.float32))
        return disturbed

    def _record(self, frames: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        """Turns the polarity, writes text over the picture, and stores it as JPEG."""
        config = self.augmentation
        height, width, _ = frames[0].shape
        quality = int(rng.integers(config.codec_quality[0], config.codec_quality[1] + 1))
        lines = []
        for _ in range(rng.integers(1, config.text_lines + 1)):
            text = "".join(rng.choice(list("0123456789:./"), size=12))
            lines.append((text, (int(rng.uniform(0, 0.7) * width), int(rng.uniform(0, 1) * height))))
        recorded = []
        for frame in frames:
            image = (255 - frame).astype(np.uint8)
            for text, place in lines:
                cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
            _, encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
            decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
            recorded.append(cv2.cvtColor(np.asarray(decoded), cv2.COLOR_BGR2RGB).astype(np.float32))
        return recorded

    def _jitter(self, frames: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        """Changes brightness, contrast, colour and sharpness, by Pillow's rules."""
        config = self.augmentation
        brightness, contrast = rng.uniform(*config.brightness), rng.uniform(*config.contrast)
        color, sharpness = rng.uniform(*config.color), rng.uniform(*config.sharpness)
        frames = [np.clip(frame * np.float32(brightness), 0, 255) for frame in frames]
        mean = np.mean([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).mean() for frame in frames])
        jittered = []
        for frame in frames:
            frame = np.clip(mean + contrast * (frame - mean), 0, 255).astype(np.float32)
            grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None]
            frame = np.clip(grey + np.float32(color) * (frame - grey), 0, 255)
            smooth = cv2.filter2D(frame, -1, SMOOTH, borderType=cv2.BORDER_REPLICATE)
            jittered.append(np.clip(smooth + np.float32(sharpness) * (frame - smooth), 0, 255))
        return jittered
