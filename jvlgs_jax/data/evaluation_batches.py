"""Evaluation batches: every frame of every scene exactly once, in batches that are all of one size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import grain
import numpy as np
from jaxtyping import Bool, Float32, Int32

from jvlgs_jax.data.batch_iterator import BatchIterator, Shard
from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.data.clip_maker import finish
from jvlgs_jax.data.clips import ClipReader, no_truth
from jvlgs_jax.data.sampling import ClipConfig, Direction


class EvaluationBatch(NamedTuple):
    """Clips at the network's size, without augmentation, and which of their supervised frames count.

    Attributes:
        planes: in grey levels.
        mask: truth of the supervised frames, in [0, 1].
        scene, frame: numbers of the supervised frames.
        counts: False where a frame is padding: it is in another clip already, or its clip fills up the last batch.
    """

    planes: Float32[np.ndarray, "b t h w 3"]
    mask: Float32[np.ndarray, "b s h w 1"]
    scene: Int32[np.ndarray, "b s"]
    frame: Int32[np.ndarray, "b s"]
    counts: Bool[np.ndarray, "b s"]


class _Clip(NamedTuple):
    scene: int
    first: int
    counts: tuple[bool, ...]


def evaluation_batches(
    reader: ClipReader,
    config: DataConfig,
    *,
    scenes: Sequence[int] | None = None,
    shard: Shard | None = None,
    place: Callable[[EvaluationBatch], EvaluationBatch] | None = None,
) -> BatchIterator[EvaluationBatch]:
    """Returns an iterator over batches in which every frame of the scenes counts exactly once, over all processes.

    It ends, after the same number of batches in every process: of `config.batch_size` clips shared as in training, all
    of one shape, so that a jitted and sharded step is compiled once and all processes take part in every call. Such a
    step multiplies what it sums by `counts`. Batches are read ahead; close the iterator if it is left early.

    Args:
        reader: of the scenes, made for the planes of `config`; picklable if the config asks for workers.
        config: clips, sizes and batches; nothing is drawn at random.
        scenes: numbers of the scenes; None: all.
        shard: this process's part of every batch; None: all of it.
        place: puts a batch on the devices ahead of its use, as for `training_batches`.

    UserError for a scene without truth, and a batch that the processes cannot share equally.
    """
    shard = shard or Shard()
    rows = shard.rows(config.batch_size)
    clips: list[_Clip] = []
    for number in range(len(reader.scenes)) if scenes is None else scenes:
        if reader.scenes[number].leak is None:
            raise no_truth(reader.scenes[number])
        clips += _cover(number, reader.scenes[number].length, config.clips)
    if clips:
        clips += [clips[-1]._replace(counts=(False,) * len(clips[-1].counts))] * (-len(clips) % config.batch_size)
    made = grain.MapDataset.source(clips).map(_Maker(reader=reader, config=config))
    parts = made.batch(rows, drop_remainder=True, batch_fn=_stack)
    return BatchIterator(parts, shard, workers=config.workers, place=place)


def _cover(scene: int, length: int, config: ClipConfig) -> list[_Clip]:
    """Returns clips that together supervise every frame of a scene, each counted in the first clip that has it."""
    forward = config.direction == Direction.LOOK_AHEAD
    seen: set[int] = set()
    clips = []
    for first in range(length) if forward else reversed(range(length)):
        if first in seen:
            continue
        counts = []
        for frame in config.frames(first, length).supervised.tolist():
            counts.append(frame not in seen)
            seen.add(frame)
        clips.append(_Clip(scene, first, tuple(counts)))
    return clips


@dataclass(frozen=True, kw_only=True)
class _Maker:
    """Makes one clip, a batch without its first axis."""

    reader: ClipReader
    config: DataConfig

    def __call__(self, clip: _Clip) -> EvaluationBatch:
        frames, supervised = self.config.clips.frames(clip.first, self.reader.scenes[clip.scene].length)
        sample = finish(self.reader.read(clip.scene, frames, supervised), self.config.input_size)
        scene = np.full(len(supervised), clip.scene, np.int32)
        return EvaluationBatch(*sample, scene, supervised.astype(np.int32), np.array(clip.counts))


def _stack(clips: Sequence[EvaluationBatch]) -> EvaluationBatch:
    return EvaluationBatch(*(np.stack(arrays) for arrays in zip(*clips, strict=True)))
