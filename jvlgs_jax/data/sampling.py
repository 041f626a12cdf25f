"""Which frames make a clip, and which clips there are to draw from.

A clip is T frames, of which the network answers for the first T - 2: window i is frames i, i + 1, i + 2 of the clip and
is supervised with the truth of frame i, as published. Clips that reach past an end of their scene repeat its last frame
there, so that every frame can be the first of a clip.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from jvlgs_jax.data.clips import WINDOW_LENGTH, no_truth
from jvlgs_jax.data.scene import SceneInfo
from jvlgs_jax.data.subsets import Subset, scene_generator
from jvlgs_jax.errors import UserError


class Direction(StrEnum):
    """Where a clip goes from its first frame."""

    LOOK_AHEAD = "look_ahead"  # published: the frame asked about is followed by later ones
    PAST_ONLY = "past_only"  # it is followed by earlier ones, so that an answer need not wait

    @property
    def opposite(self) -> "Direction":
        """The other one."""
        return Direction.PAST_ONLY if self == Direction.LOOK_AHEAD else Direction.LOOK_AHEAD


class ClipFrames(NamedTuple):
    """The frame numbers of a clip in the network's order, and those of its supervised frames."""

    frames: Int[np.ndarray, " t"]
    supervised: Int[np.ndarray, " s"]


@dataclass(frozen=True, kw_only=True)
class ClipConfig:
    """How clips are cut; the defaults are the published ones. UserError for a value out of range.

    Attributes:
        length: frames a clip.
        step: frames of the video from one frame of a clip to the next.
        direction: whether a clip looks ahead from its first frame or back.
        stride: frames of the video between the first frames of successive clips.
        reversal_probability: of a clip going the other way. The means of `temporal` planes still hold the past.
    """

    length: int = WINDOW_LENGTH
    step: int = 1
    direction: Direction = Direction.LOOK_AHEAD
    stride: int = 1
    reversal_probability: float = 0.0

    def __post_init__(self) -> None:
        for name, least in (("length", WINDOW_LENGTH), ("step", 1), ("stride", 1)):
            if getattr(self, name) < least:
                raise UserError(f"clips.{name} is {getattr(self, name)}, the least is {least}: use a larger one")
        if not 0 <= self.reversal_probability <= 1:
            raise UserError(
                f"clips.reversal_probability is {self.reversal_probability}, it must lie between 0 and 1: "
                "0 turns it off"
            )

    @property
    def supervised(self) -> int:
        """How many frames of a clip the network answers for."""
        return self.length + 1 - WINDOW_LENGTH

    def frames(self, first: int, scene_length: int, direction: Direction | None = None) -> ClipFrames:
        """Returns the frames of the clip from frame `first`, in the config's direction unless told otherwise."""
        frames = clip_frames(self, np.array([first]), scene_length, direction)[0]
        return ClipFrames(frames, frames[: 1 - WINDOW_LENGTH])


def clip_frames(
    config: ClipConfig, firsts: Int[np.ndarray, " n"], scene_length: int, direction: Direction | None = None
) -> Int[np.ndarray, "n t"]:
    """Returns the frame numbers of the clips from the given first frames."""
    sign = 1 if (direction or config.direction) == Direction.LOOK_AHEAD else -1
    return np.clip(firsts[:, None] + sign * config.step * np.arange(config.length), 0, scene_length - 1)


def index_clips(
    scenes: Sequence[SceneInfo], numbers: Sequence[int], config: ClipConfig, subset: Subset, seed: int
) -> Int[np.ndarray, "n 2"]:
    """Returns (scene number, first frame) of the clips to draw from in the scenes with the given numbers."""
    clips = [np.empty((0, 2), np.int64)]
    for number in numbers:
        scene = scenes[number]
        firsts = np.arange(0, scene.length, config.stride)
        supervised = clip_frames(config, firsts, scene.length)[:, : 1 - WINDOW_LENGTH]
        firsts = firsts[subset.choose(supervised, scene_generator(scene.name, seed))]
        clips.append(np.stack([np.full_like(firsts, number), firsts], axis=1))
    return np.concatenate(clips)


def has_leak(scenes: Sequence[SceneInfo], clips: Int[np.ndarray, "n 2"], config: ClipConfig) -> Bool[np.ndarray, " n"]:
    """Returns which clips have gas in a supervised frame; UserError for a scene without truth."""
    leaks = np.zeros(len(clips), bool)
    for number in np.unique(clips[:, 0]):
        scene, of_scene = scenes[number], clips[:, 0] == number
        if scene.leak is None:
            raise no_truth(scene)
        supervised = clip_frames(config, clips[of_scene, 1], scene.length)[:, : 1 - WINDOW_LENGTH]
        leaks[of_scene] = scene.leak[supervised].any(axis=1)
    return leaks
