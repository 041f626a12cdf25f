"""What training clips are drawn from: the `TrainingSource` protocol, and recordings as one.

A source lists the clips there are and reads those that were drawn. Simulated clips are another one, see
`simulation/training_source.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int

from jvlgs_jax.data.clips import ClipReader, ClipSample, no_truth
from jvlgs_jax.data.sampling import ClipConfig, Direction, has_leak, index_clips
from jvlgs_jax.data.subsets import Subset
from jvlgs_jax.errors import UserError


class ClipIndex(NamedTuple):
    """The clips of a source: scene number and first frame of each, and whether a supervised frame shows gas."""

    clips: Int[np.ndarray, "n 2"]
    leaks: Bool[np.ndarray, " n"]


class ClipCut(NamedTuple):
    """One clip to read."""

    scene: int
    first: int  # the frame asked about first
    direction: Direction


@runtime_checkable
class TrainingSource(Protocol):
    """Where training clips come from."""

    @property
    def weight(self) -> float:
        """How often a clip is drawn from here, compared with the other sources."""
        ...

    @property
    def marks_ignored(self) -> bool:
        """Whether its samples say which pixels' truth is not to be learned, see `ClipSample`."""
        ...

    def index(self, config: ClipConfig, subset: Subset, seed: int) -> ClipIndex:
        """Returns the clips to draw from; `subset` and `seed` say how much of labelled recordings is used.

        UserError where there are none, or without truth.
        """
        ...

    def read(self, cuts: Sequence[ClipCut], config: ClipConfig) -> Iterator[ClipSample]:
        """Yields the given clips in order, with their frames and masks in the order of time, at their own size."""
        ...


@dataclass(frozen=True, kw_only=True)
class ClipSource:
    """Recorded scenes to draw clips from; a `TrainingSource`.

    Attributes:
        reader: of the scenes, made for the planes of the `DataConfig`.
        scenes: the numbers of those to draw from; None: all.
        weight: how often a clip is drawn from here, compared with the other sources.
    """

    reader: ClipReader
    scenes: Sequence[int] | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_weight(self.weight)

    @property
    def marks_ignored(self) -> bool:
        """Whether the reader says which pixels' truth is not to be learned."""
        return self.reader.marks_ignored

    def index(self, config: ClipConfig, subset: Subset, seed: int) -> ClipIndex:
        """Returns the clips of the scenes, as `TrainingSource` says."""
        scenes = self.reader.scenes
        numbers = range(len(scenes)) if self.scenes is None else self.scenes
        for scene in (scenes[i] for i in numbers):
            if scene.leak is None:
                raise no_truth(scene)
        clips = index_clips(scenes, numbers, config, subset, seed)
        if not len(clips):
            raise UserError("no scene to train on: hold out fewer scenes or add some")
        return ClipIndex(clips, has_leak(scenes, clips, config))

    def read(self, cuts: Sequence[ClipCut], config: ClipConfig) -> Iterator[ClipSample]:
        """Reads one clip after the other, as `TrainingSource` says."""
        for scene, first, direction in cuts:
            frames, supervised = config.frames(first, self.reader.scenes[scene].length, direction)
            yield self.reader.read(scene, *(numbers[in_time(direction)] for numbers in (frames, supervised)))


def in_time(direction: Direction) -> slice:
    """Returns what takes a clip's frames from the network's order to the order of time, and back."""
    return slice(None, None, 1 if direction == Direction.LOOK_AHEAD else -1)


def check_weight(weight: float) -> None:
    """Raises UserError for a weight that is not positive."""
    if not weight > 0:
        raise UserError(f"a source's weight is {weight}, it must be positive: leave the source out instead")
