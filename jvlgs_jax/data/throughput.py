"""How many training clips a second one core makes, and how many a plain loop makes of the same files.

Both read the frames and masks of a made-up video from PNG files, make every augmentation to every clip, and stack
batches. They run in turn in one process that is set up as a worker process is, and time is the process's own: what
other programs do meanwhile matters little. Every figure is a median over rounds.
"""

import importlib.util
import itertools
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from jaxtyping import Int, UInt8

from jvlgs_jax.data.augmentation.config import AugmentationConfig, augmentations
from jvlgs_jax.data.batch_iterator import prepare_worker
from jvlgs_jax.data.batches import ClipSource, DataConfig, training_clips
from jvlgs_jax.data.clip_maker import finish, narrow
from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.plain_loop import PlainClips
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.data.scene import SceneInfo
from jvlgs_jax.data.toy_plumes import ToyClip, render

EVERYTHING = AugmentationConfig(
    flip_probability=1.0,
    rotation_probability=1.0,
    crop_probability=1.0,
    cloud_probability=1.0,
    exposure_drift=4.0,
    blur_probability=1.0,
    temporal_noise=4.0,
    fixed_pattern_noise=3.0,
    polarity_probability=1.0,
    text_probability=1.0,
    codec_probability=1.0,
)
FRAME_SIZE = (240, 320)
FRAMES = 64
BATCH_SIZE = 6


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What is made: clips of `length` frames at `size`, from grey video (infrared, as a rule) or video in colours."""

    length: int
    size: tuple[int, int]
    colors: bool

    def __str__(self) -> str:
        return f"T={self.length}, {self.size[0]}x{self.size[1]}, {'colour' if self.colors else 'grey'} video"


WORKLOADS = tuple(
    Workload(length=length, size=size, colors=colors)
    for colors in (False, True)
    for length, size in ((3, (352, 352)), (8, (256, 320)))
)


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """Clips a second of one core, by contestant: "jvlgs", "plain loop", and "torch DataLoader" where there is one.

    `ratio` is that of the pipeline to the plain loop, the median over rounds.
    """

    workload: Workload
    clips_per_second: dict[str, float]
    ratio: float

    def __str__(self) -> str:
        rates = ", ".join(f"{name} {rate:.1f}" for name, rate in self.clips_per_second.items())
        return f"{self.workload}: {rates} clips/s per core; {self.ratio:.2f} times the plain loop"


class FolderReader:
    """A `ClipReader` of one video whose frames and masks are image files, read anew for every clip; `rgb` planes."""

    def __init__(self, frames: Sequence[Path], masks: Sequence[Path]) -> None:
        """Takes the files of all frames."""
        self._frames, self._masks = frames, masks
        self.scenes = [
            SceneInfo(
                name="made_up",
                group="made_up",
                source="made_up",
                split=None,
                length=len(frames),
                size=FRAME_SIZE,
                frames_per_second=15.0,
                leak=np.ones(len(frames), bool),
            )
        ]

    def read(self, scene: int, frames: Int[np.ndarray, " t"], supervised: Int[np.ndarray, " s"]) -> ClipSample:
        """Returns the planes of the given frames and the masks of the supervised ones, as `ClipReader` says."""
        pictures = [_read(self._frames[i], cv2.IMREAD_UNCHANGED) for i in frames]
        if pictures[0].ndim == 2:
            planes = np.stack(pictures)[..., None].astype(np.float32)
        else:
            planes = np.stack([cv2.cvtColor(image, cv2.COLOR_BGR2RGB) for image in pictures]).astype(np.float32)
        masks = np.stack([_read(self._masks[i], cv2.IMREAD_GRAYSCALE) for i in supervised])
        return ClipSample(planes, (masks > 127)[..., None].astype(np.float32))


def measure(workload: Workload, *, rounds: int = 7, batches: int = 4) -> Throughput:
    """Makes `batches` batches a round by every contestant in turn."""
    prepare_worker()
    with tempfile.TemporaryDirectory() as folder:
        contestants = _contestants(workload, *write_video(Path(folder), colors=workload.colors))
        rates: dict[str, list[float]] = {name: [] for name in contestants}
        for number in range(rounds + 1):
            for name, make_batch in contestants.items():
                start = time.process_time()
                for batch in range(number * batches, (number + 1) * batches):
                    make_batch(batch)
                if number > 0:  # the first warms up
                    rates[name].append(batches * BATCH_SIZE / (time.process_time() - start))
    return Throughput(
        workload=workload,
        clips_per_second={name: median(of) for name, of in rates.items()},
        ratio=median(ours / plain for ours, plain in zip(rates["jvlgs"], rates["plain loop"], strict=True)),
    )


def profile(workload: Workload, *, clips: int = 20) -> dict[str, float]:
    """Returns the milliseconds that each stage of the pipeline takes a clip (median), in the order of the stages."""
    laps: dict[str, list[float]] = {}
    planes = input_planes("rgb")

    def lap(name: str) -> None:
        nonlocal start
        laps.setdefault(name, []).append(1000 * (time.process_time() - start))
        start = time.process_time()

    prepare_worker()
    with tempfile.TemporaryDirectory() as folder:
        reader = FolderReader(*write_video(Path(folder), colors=workload.colors))
        for first in range(clips):
            rng = np.random.default_rng(first)
            frames, supervised = ClipConfig(length=workload.length).frames(first, FRAMES)
            start = time.process_time()
            sample = reader.read(0, frames, supervised)
            lap("read")
            sample = narrow(sample, planes)
            lap("narrow")
            for transform in augmentations(EVERYTHING, planes):
                sample = transform(sample, rng)
                lap(type(transform).__name__)
            finish(sample, workload.size)
            lap("finish")
    return {name: median(times) for name, times in laps.items()}


def write_video(folder: Path, *, colors: bool) -> tuple[list[Path], list[Path]]:
    """Writes the frames and masks of a made-up video as PNG files and returns their paths; `colors`: in a palette."""
    frames, opacity = render(ToyClip(frame_count=FRAMES, size=FRAME_SIZE, leaks=((0, FRAMES),)), seed=0)
    files: tuple[list[Path], list[Path]] = ([], [])
    for number, (frame, mask) in enumerate(zip(frames, opacity, strict=True)):
        picture = cv2.applyColorMap(frame, cv2.COLORMAP_INFERNO) if colors else frame
        images = (picture, np.where(mask > 20, 255, 0).astype(np.uint8))
        for paths, kind, image in zip(files, ("frame", "mask"), images, strict=True):
            paths.append(folder / f"{kind}{number:03}.png")
            cv2.imwrite(str(paths[-1]), image)
    return files


def _contestants(workload: Workload, frames: list[Path], masks: list[Path]) -> dict[str, Callable[[int], object]]:
    """Returns by name a function that makes the batch of a number."""
    config = DataConfig(input_size=workload.size, clips=ClipConfig(length=workload.length), augmentation=EVERYTHING)
    clips = training_clips([ClipSource(reader=FolderReader(frames, masks))], config, seed=0)
    plain = PlainClips(frames=frames, masks=masks, length=workload.length, size=workload.size, augmentation=EVERYTHING)

    def ours(batch: int) -> object:
        samples = [clips[i] for i in range(batch * BATCH_SIZE, (batch + 1) * BATCH_SIZE)]
        return [np.stack(arrays) for arrays in zip(*samples, strict=True)]

    def plain_loop(batch: int) -> object:
        samples = [plain[i % FRAMES] for i in range(batch * BATCH_SIZE, (batch + 1) * BATCH_SIZE)]
        return [np.stack(arrays) for arrays in zip(*samples, strict=True)]

    contestants: dict[str, Callable[[int], object]] = {"jvlgs": ours, "plain loop": plain_loop}
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(1)
        loader = torch.utils.data.DataLoader(plain, batch_size=BATCH_SIZE, shuffle=True, drop_last=True)
        batches = itertools.chain.from_iterable(itertools.repeat(loader))
        contestants["torch DataLoader"] = lambda batch: next(batches)
    return contestants


def _read(path: Path, kind: int) -> UInt8[np.ndarray, "..."]:
    image = cv2.imread(str(path), kind)
    if image is None:
        raise FileNotFoundError(path)
    return np.asarray(image)
