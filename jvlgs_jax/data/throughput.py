"""How many training clips a second one core makes, and how many a plain loop makes of the same pixels.

Both start from the frames and masks of a made-up video as PNG images, the pipeline from records that hold them, the
plain loop from the files. Both make every augmentation to every clip, and stack batches. They run in turn in one
process that is set up as a worker process is, and time is the process's own: what other programs do meanwhile matters
little. Every figure is a median over rounds.
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

from jvlgs_jax.data.augmentation.config import AugmentationConfig, augmentations
from jvlgs_jax.data.batch_iterator import prepare_worker
from jvlgs_jax.data.batches import DataConfig, training_clips
from jvlgs_jax.data.clip_maker import finish, narrow
from jvlgs_jax.data.clip_source import ClipSource
from jvlgs_jax.data.plain_loop import PlainClips
from jvlgs_jax.data.plain_temporal_loop import PlainTemporalClips, write_means
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.records.prepare import prepare
from jvlgs_jax.data.records.reader import RecordReader
from jvlgs_jax.data.sampling import ClipConfig
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

VIDEO, SCENE, KINDS = "video", "made_up", ("images", "masks")  # as the gas_folder layout has them


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What is made: clips of `length` frames at `size`, from grey video (infrared, as a rule) or video in colours."""

    length: int
    size: tuple[int, int]
    planes: str
    colors: bool

    def __str__(self) -> str:
        video = "colour" if self.colors else "grey"
        return f"T={self.length}, {self.size[0]}x{self.size[1]}, {self.planes} planes of {video} video"


WORKLOADS = tuple(
    Workload(length=length, size=size, planes=planes, colors=colors)
    for planes, colors in (("rgb", False), ("temporal", False), ("rgb", True))
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


def measure(workload: Workload, *, rounds: int = 7, batches: int = 4) -> Throughput:
    """Makes `batches` batches a round by every contestant in turn."""
    prepare_worker()
    with tempfile.TemporaryDirectory() as folder:
        contestants = _contestants(workload, Path(folder))
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
    planes = input_planes(workload.planes)

    def lap(name: str) -> None:
        nonlocal start
        laps.setdefault(name, []).append(1000 * (time.process_time() - start))
        start = time.process_time()

    prepare_worker()
    with tempfile.TemporaryDirectory() as folder:
        write_video(Path(folder), colors=workload.colors)
        reader = recorded(Path(folder), workload.planes)
        for number in range(clips):
            rng = np.random.default_rng(number)
            frames, supervised = ClipConfig(length=workload.length).frames(int(rng.integers(FRAMES)), FRAMES)
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
    for kind in KINDS:
        (folder / VIDEO / SCENE / kind).mkdir(parents=True)
    for number, (frame, mask) in enumerate(zip(frames, opacity, strict=True)):
        picture = cv2.applyColorMap(frame, cv2.COLORMAP_INFERNO) if colors else frame
        images = (picture, np.where(mask > 20, 255, 0).astype(np.uint8))
        for paths, kind, image in zip(files, KINDS, images, strict=True):
            paths.append(folder / VIDEO / SCENE / kind / f"{number:03}.png")
            cv2.imwrite(str(paths[-1]), image)
    return files


def recorded(folder: Path, planes: str) -> RecordReader:
    """Prepares what `write_video` put into `folder` as records, and opens them."""
    prepare("gas_folder", manual_dir=folder / VIDEO, data_dir=folder / "records")
    return RecordReader(folder / "records", "gas_folder", input_planes(planes))


def _contestants(workload: Workload, folder: Path) -> dict[str, Callable[[int], object]]:
    """Returns by name a function that makes the batch of a number."""
    frames, masks = write_video(folder, colors=workload.colors)
    reader = recorded(folder, workload.planes)
    config = DataConfig(
        planes=workload.planes,
        input_size=workload.size,
        clips=ClipConfig(length=workload.length),
        augmentation=EVERYTHING,
    )
    clips = training_clips([ClipSource(reader=reader)], config, seed=0)
    plain = plain_clips(workload, frames, masks, folder)

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


def plain_clips(workload: Workload, frames: Sequence[Path], masks: Sequence[Path], folder: Path) -> PlainClips:
    """Returns the plain loop's clips of the given files; the means of `temporal` planes go into `folder`."""
    clips = PlainClips(frames=frames, masks=masks, length=workload.length, size=workload.size, augmentation=EVERYTHING)
    if workload.planes == "temporal":
        return PlainTemporalClips(**vars(clips), means=write_means(frames, folder / "means"))
    return clips
