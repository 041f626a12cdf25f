"""Training batches: shuffled, augmented and resized clips, reproducible and resumable."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import grain
import jax
import numpy as np
from jaxtyping import Float32, Int

from jvlgs_jax.data.augmentation.config import AugmentationConfig, augmentations
from jvlgs_jax.data.batch_iterator import BatchIterator, Shard
from jvlgs_jax.data.clip_maker import ClipMaker, DrawnClip
from jvlgs_jax.data.clip_source import TrainingSource
from jvlgs_jax.data.clips import WINDOW_LENGTH, ClipSample
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.data.splits import parse_split
from jvlgs_jax.data.subsets import parse_subset
from jvlgs_jax.errors import UserError


class Batch(NamedTuple):
    """Clips at the network's size: planes in grey levels, and the truth of each supervised frame in [0, 1].

    Window i of a clip's w = t - 2 is frames i, i + 1, i + 2 and is supervised with `mask[:, i]`, frame i's truth.
    """

    planes: Float32[np.ndarray, "b t h w 3"]
    mask: Float32[np.ndarray, "b s h w 1"]
    ignored: Float32[np.ndarray, "b s h w 1"] | None = None  # share of a pixel that is not to be learned; None: 0


@dataclass(frozen=True, kw_only=True)
class MixedDataset:
    """A further dataset to draw training clips from: simulated ones, say, or recordings without any leak.

    Attributes:
        root, dataset, layout, threshold: where it is, see `DataConfig`.
        weight: how often a clip is drawn from it, compared with 1 for the dataset of the `DataConfig`.
        leak_free: none of its frames shows gas, though no masks say so; it may have none.
    """

    root: str
    dataset: str | None = None
    layout: str = "auto"
    threshold: int | None = None
    weight: float = 1.0
    leak_free: bool = False


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where training data comes from and how it is fed; the defaults are the published ones.

    `root` to `mixed_with` are for `dataset.open_dataset`, the rest for `training_batches`.
    UserError for a value out of range.

    Attributes:
        root: the dataset's folder; None: there is none, all clips are simulated or mixed in.
        dataset: name of the dataset that `jvlgs prepare` has put into root; None: root holds the raw files.
        layout: of raw files, see `layouts.load_scenes`.
        threshold: of raw files: grey level of the stored truth above which a pixel is gas; None is the layout's own.
        split: which scenes are kept from training, e.g. "grouped/0" or "hold_out:group_3", see `splits`.
        validation: another split; the scenes that it holds out, and `split` does not, are not trained on either: they
            are there to choose a checkpoint by. None: no such scenes.
        mixed_with: further datasets to train on, whole.
        subset: how much of the others is trained on, e.g. "10%" or "kshot:5", see `subsets`.
        subset_seed: of the choice of `subset`.
        planes: the network's input, see `planes.input_planes`.
        input_size: (height, width) of the clips that the network learns from.
        inference_size: of the look that the trained model takes at every frame of a video; None: `input_size`.
        coarse_size: of a second, coarser look that it takes, see `multi_scale.InputSizes`; None: one look.
        clips: which frames make a clip.
        batch_size: clips a batch, over all processes of a training.
        leak_free_share: share of the clips drawn from those without any gas; None draws all clips alike.
        augmentation: random changes to each clip.
        workers: processes that make batches, beside each process of a training; 0 makes them in its own threads.
    """

    root: str | None = "data"
    dataset: str | None = None
    layout: str = "auto"
    threshold: int | None = None
    split: str = "all"
    validation: str | None = None
    mixed_with: tuple[MixedDataset, ...] = ()
    subset: str = "all"
    subset_seed: int = 0
    planes: str = "rgb"
    input_size: tuple[int, int] = (352, 352)
    inference_size: tuple[int, int] | None = None
    coarse_size: tuple[int, int] | None = None
    clips: ClipConfig = field(default_factory=ClipConfig)
    batch_size: int = 6
    leak_free_share: float | None = None
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    workers: int = 0

    def __post_init__(self) -> None:
        input_planes(self.planes)
        parse_split(self.split)
        if self.validation is not None:
            parse_split(self.validation)
        parse_subset(self.subset)
        for name, least in (("batch_size", 1), ("workers", 0), ("subset_seed", 0)):
            if getattr(self, name) < least:
                raise UserError(f"{name} is {getattr(self, name)}, the least is {least}: use a larger one")
        if min(self.input_size) < 1:
            raise UserError(f"input_size is {self.input_size}, the least is (1, 1): the published one is (352, 352)")
        if self.leak_free_share is not None and not 0 < self.leak_free_share < 1:
            raise UserError(
                f"leak_free_share is {self.leak_free_share}, it must lie between 0 and 1: "
                "use None to draw all clips alike"
            )

    @property
    def model_size(self) -> tuple[int, int]:
        """(height, width) that the trained model looks at videos with."""
        return self.inference_size or self.input_size


def training_batches(
    sources: Sequence[TrainingSource],
    config: DataConfig,
    *,
    seed: int,
    shard: Shard | None = None,
    place: Callable[[Batch], Batch] | None = None,
) -> BatchIterator[Batch]:
    """Returns an endless iterator over shuffled batches of clips of `sources`.

    The same sources, config and seed always give the same batches, whatever the number of processes and workers, each
    process its rows of them. Orbax saves the iterator as a checkpointable and resumes it exactly, with another number
    of processes too. Clips of a source are drawn without replacement until all were drawn.

    Args:
        sources: what to draw from; they must be picklable if the config asks for workers.
        config: how clips are made.
        seed: of their order and augmentation.
        shard: this process's part of every batch; None: all of it.
        place: puts a batch on the devices ahead of its use, see `BatchIterator`.

    UserError for no scenes, scenes without truth, and a batch that the processes cannot share equally.
    """
    shard = shard or Shard()
    maker = clip_maker(sources, config)
    # Clips are drawn before they are shared out: clip and augmentation depend on the place in the whole.
    drawn = _drawn_clips(sources, config, seed)
    parts = drawn.batch(shard.rows(config.batch_size), drop_remainder=True, batch_fn=list).map(maker).map(stacked)
    return BatchIterator(parts, shard, workers=config.workers, place=place)


def batch_shapes(config: DataConfig) -> Batch:
    """Returns the shapes of a whole batch, over all processes, in place of its arrays."""
    height, width = config.input_size
    clips, frames, supervised = config.batch_size, config.clips.length, config.clips.supervised
    planes = jax.ShapeDtypeStruct((clips, frames, height, width, 3), np.float32)
    mask = jax.ShapeDtypeStruct((clips, supervised, height, width, 1), np.float32)
    return Batch(planes, mask)  # pyrefly: ignore[bad-argument-type]


def steps_per_epoch(sources: Sequence[TrainingSource], config: DataConfig) -> float:
    """Returns how many batches the clips of the first source fill, each drawn once: the length of an epoch."""
    index = sources[0].index(config.clips, parse_subset(config.subset), config.subset_seed)
    return len(index.clips) / config.batch_size


def training_clips(sources: Sequence[TrainingSource], config: DataConfig, *, seed: int) -> grain.MapDataset[ClipSample]:
    """Returns the endless sequence of finished clips that `training_batches` cuts in batches; item i is made when read.

    UserError for no scenes and scenes without truth.
    """
    maker = clip_maker(sources, config)
    return _drawn_clips(sources, config, seed).map(lambda clip: maker([clip])[0])


def clip_maker(sources: Sequence[TrainingSource], config: DataConfig) -> ClipMaker:
    """Returns what makes finished clips of `sources`."""
    planes = input_planes(config.planes)
    return ClipMaker(
        sources=tuple(sources),
        planes=planes,
        clips=config.clips,
        transforms=augmentations(config.augmentation, planes, step=config.clips.step),
        size=config.input_size,
    )


def _drawn_clips(sources: Sequence[TrainingSource], config: DataConfig, seed: int) -> grain.MapDataset[DrawnClip]:
    return _shuffled_clips(sources, config, seed).random_map(_with_generator, seed=seed)


def _with_generator(clip: Int[np.ndarray, "3"], rng: np.random.Generator) -> DrawnClip:
    source, scene, first = clip.tolist()
    return DrawnClip(source, scene, first, copy.deepcopy(rng))  # Grain goes on to use its own for other clips


def _shuffled_clips(
    sources: Sequence[TrainingSource], config: DataConfig, seed: int
) -> grain.MapDataset[Int[np.ndarray, "3"]]:
    """Returns the endless, mixed sequence of (source, scene, first frame)."""
    leaking, leak_free = [], []  # (clips, weight) of each source
    for number, source in enumerate(sources):
        clips, leaks = source.index(config.clips, parse_subset(config.subset), config.subset_seed)
        if config.leak_free_share is None:
            leaks = np.ones_like(leaks)  # all of one kind
        clips = np.insert(clips, 0, number, axis=1)
        leaking.append((clips[leaks], source.weight))
        leak_free.append((clips[~leaks], source.weight))
    if not sources:
        raise UserError("no scene to train on: hold out fewer scenes or add some")
    if config.leak_free_share is None:
        return mixed(leaking, seed)
    share = config.leak_free_share
    for name, kind in (("with gas", leaking), ("without gas", leak_free)):
        if not any(len(clips) for clips, _ in kind):
            raise UserError(f"leak_free_share is {share}, but no clip is {name}: use None to draw all clips alike")
    return grain.MapDataset.mix([mixed(leaking, seed), mixed(leak_free, seed)], weights=[1 - share, share])


def mixed(
    weighted: Sequence[tuple[Int[np.ndarray, "_ 3"], float]], seed: int
) -> grain.MapDataset[Int[np.ndarray, "3"]]:
    """Returns an endless mix by weight of shuffled rows (source, scene, frame); a source without any is left out."""
    kept = [(clips, weight) for clips, weight in weighted if len(clips)]
    sources = [grain.MapDataset.source(clips) for clips, _ in kept]  # pyrefly: ignore[bad-argument-type]  # rows
    shuffled = [source.seed(seed).shuffle().repeat() for source in sources]
    return shuffled[0] if len(kept) == 1 else grain.MapDataset.mix(shuffled, weights=[weight for _, weight in kept])


def stacked(samples: Sequence[ClipSample]) -> Batch:
    """Returns the clips as a batch."""
    planes, maps = np.stack([sample.planes for sample in samples]), np.stack([sample.mask for sample in samples])
    supervised = planes.shape[1] + 1 - WINDOW_LENGTH
    mask, ignored = maps[:, :supervised], maps[:, supervised:]
    return Batch(planes, mask, ignored if ignored.shape[1] else None)
