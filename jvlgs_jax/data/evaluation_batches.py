"""Evaluation batches: every frame of every scene exactly once, in batches that are all of one size."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int32

from jvlgs_jax.data.batch_iterator import Shard
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
    reader: ClipReader, config: DataConfig, *, scenes: Sequence[int] | None = None, shard: Shard | None = None
) -> Iterator[EvaluationBatch]:
    """Yields batches in which every frame of the scenes counts exactly once, over all processes together.

    Every process yields the same number of batches, of `config.batch_size` clips shared as in training, so that all of
    them take part in every step.

    Args:
        reader: of the scenes, made for the planes of `config`.
        config: clips, sizes and batches; nothing is drawn at random.
        scenes: numbers of the scenes; None: all.
        shard: this process's part of every batch; None: all of it.

    UserError for a scene without truth.
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
    for start in range(shard.index * rows, len(clips), config.batch_size):
        yield _batch(reader, config, clips[start : start + rows])


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


def _batch(reader: ClipReader, config: DataConfig, clips: Sequence[_Clip]) -> EvaluationBatch:
    frames = [config.clips.frames(clip.first, reader.scenes[clip.scene].length) for clip in clips]
    samples = [
        finish(reader.read(clip.scene, of.frames, of.supervised), config.input_size)
        for clip, of in zip(clips, frames, strict=True)
    ]
    supervised = np.stack([of.supervised for of in frames]).astype(np.int32)
    return EvaluationBatch(
        planes=np.stack([sample.planes for sample in samples]),
        mask=np.stack([sample.mask for sample in samples]),
        scene=np.broadcast_to(np.array([[clip.scene] for clip in clips], np.int32), supervised.shape),
        frame=supervised,
        counts=np.array([clip.counts for clip in clips], bool),
    )
