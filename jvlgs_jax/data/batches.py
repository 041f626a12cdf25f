"""Training batches: shuffled, augmented and resized clips, reproducible and resumable."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import grain
import numpy as np
from jaxtyping import Float32

from jvlgs_jax.data.augmentation import AugmentationConfig, augmentations
from jvlgs_jax.data.clips import (
    WINDOW_LENGTH,
    Clip,
    ClipSample,
    MemoryReader,
    clip_frames,
    index_clips,
    no_truth,
    split_by_leak,
)
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.resize import resize
from jvlgs_jax.data.scene import Scene, SceneInfo
from jvlgs_jax.errors import UserError

READER_THREADS = 4
READ_AHEAD_BATCHES = 4


class Batch(NamedTuple):
    """Clips at the network's size: planes in grey levels, and the truth of each supervised frame in [0, 1].

    Window i of a clip's w = t - 2 is frames i, i + 1, i + 2 and is supervised with `mask[:, i]`, frame i's truth.
    """

    planes: Float32[np.ndarray, "b t h w 3"]
    mask: Float32[np.ndarray, "b s h w 1"]


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where training data comes from and how it is fed; the defaults are the published ones.

    `root`, `layout` and `threshold` are for `load_scenes`, `held_out` for `hold_out`, the rest for `training_batches`.

    Attributes:
        root: the dataset's folder.
        layout: of the folder, see `layouts.load_scenes`.
        threshold: grey level of the stored truth above which a pixel is gas; None is the layout's own.
        held_out: scenes or groups kept from training, see `splits.hold_out`.
        planes: the network's input, see `planes.input_planes`.
        input_size: (height, width) of the network.
        clip_length: frames a clip.
        stride: frames between the starts of successive clips of a scene.
        batch_size: clips a batch.
        leak_free_share: share of the clips drawn from those without any gas; None draws all clips alike.
        augmentation: random changes to each clip.
    """

    root: str = "data"
    layout: str = "auto"
    threshold: int | None = None
    held_out: tuple[str, ...] = ()
    planes: str = "rgb"
    input_size: tuple[int, int] = (352, 352)
    clip_length: int = 3
    stride: int = 1
    batch_size: int = 6
    leak_free_share: float | None = None
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)


def training_batches(scenes: Sequence[Scene], config: DataConfig, *, seed: int) -> grain.DatasetIterator[Batch]:
    """Returns an endless iterator over shuffled batches of clips of `scenes`.

    The same scenes, config and seed always give the same batches. The iterator's `get_state` and `set_state` resume
    it exactly, and Orbax saves it as a checkpointable. Clips are drawn without replacement until all were drawn.

    UserError for no scenes, scenes without truth, and a config value out of range.
    """
    if config.clip_length < WINDOW_LENGTH:
        raise UserError(f"clip_length is {config.clip_length}, the least is {WINDOW_LENGTH}: use a longer clip")
    reader = MemoryReader(scenes, input_planes(config.planes))

    def read(clip: Clip) -> ClipSample:
        frames = clip_frames(clip.start, config.clip_length, reader.scenes[clip.scene].length)
        return reader.read(clip.scene, frames, frames[: 1 - WINDOW_LENGTH])

    clips = _shuffled_clips(reader.scenes, config, seed).map(read)
    for transform in augmentations(config.augmentation, input_planes(config.planes)):
        clips = clips.random_map(transform)
    clips = clips.map(lambda sample: _resize(sample, config.input_size))
    batches = clips.batch(config.batch_size, drop_remainder=True, batch_fn=_stack)
    options = grain.ReadOptions(num_threads=READER_THREADS, prefetch_buffer_size=READ_AHEAD_BATCHES)
    return iter(batches.to_iter_dataset(options))


def _shuffled_clips(scenes: Sequence[SceneInfo], config: DataConfig, seed: int) -> grain.MapDataset[Clip]:
    if not scenes:
        raise UserError("no scene to train on: hold out fewer scenes or add some")
    for name in ("stride", "batch_size"):
        if getattr(config, name) < 1:
            raise UserError(f"{name} is {getattr(config, name)}, the least is 1: use a larger one")
    for scene in scenes:
        if scene.leak is None:
            raise no_truth(scene)
    clips = index_clips(scenes, stride=config.stride)
    share = config.leak_free_share
    if share is None:
        return _shuffle(clips, seed)
    if not 0 < share < 1:
        raise UserError(f"leak_free_share is {share}, it must lie between 0 and 1: use None to draw all clips alike")
    kinds = split_by_leak(scenes, clips, config.clip_length)
    for name, kind in zip(("with gas", "without gas"), kinds, strict=True):
        if not kind:
            raise UserError(f"leak_free_share is {share}, but no clip is {name}: use None to draw all clips alike")
    return grain.MapDataset.mix([_shuffle(kind, seed) for kind in kinds], weights=[1 - share, share]).seed(seed)


def _shuffle(clips: Sequence[Clip], seed: int) -> grain.MapDataset[Clip]:
    return grain.MapDataset.source(clips).seed(seed).shuffle().repeat()


def _resize(sample: ClipSample, size: tuple[int, int]) -> ClipSample:
    return ClipSample(*(np.stack([resize(image, size) for image in images]) for images in sample))


def _stack(samples: Sequence[ClipSample]) -> Batch:
    return Batch(np.stack([s.planes for s in samples]), np.stack([s.mask for s in samples]))
