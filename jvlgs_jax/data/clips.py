"""Clips: runs of T consecutive frames of a scene, of which the first T - 2 are supervised.

Window i of a clip is its frames i, i + 1, i + 2 and is supervised with the truth of frame i, as published. A clip that
reaches past the end of its scene repeats the last frame, so that every frame can be the first of a clip.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int

from jvlgs_jax.data.planes import InputPlanes, ScenePlanes
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.errors import UserError

WINDOW_LENGTH = 3


class ClipSample(NamedTuple):
    """One clip of t frames: planes in grey levels, and the truth of its w = t - 2 supervised frames in [0, 1]."""

    planes: Float32[np.ndarray, "t h w 3"]
    mask: Float32[np.ndarray, "s h w 1"]


class Clip(NamedTuple):
    """Where a clip starts: the number of its scene and of its first frame."""

    scene: int
    start: int


def index_clips(scenes: Sequence[Scene], *, stride: int) -> list[Clip]:
    """Returns the clips that start at every `stride`-th frame of every scene."""
    return [Clip(number, start) for number, scene in enumerate(scenes) for start in range(0, len(scene), stride)]


def clip_frames(start: int, clip_length: int, scene_length: int) -> Int[np.ndarray, " t"]:
    """Returns the frame numbers of a clip, clamped at the last frame of its scene."""
    return np.minimum(start + np.arange(clip_length), scene_length - 1)


def split_by_leak(scenes: Sequence[Scene], clips: Sequence[Clip], clip_length: int) -> tuple[list[Clip], list[Clip]]:
    """Returns the clips with gas in a supervised frame, and those without any."""
    has_leak = [scene.has_leak for scene in scenes]
    windows = clip_length - WINDOW_LENGTH + 1
    leaking: list[Clip] = []
    leak_free: list[Clip] = []
    for clip in clips:
        frames = clip_frames(clip.start, windows, len(has_leak[clip.scene]))
        (leaking if has_leak[clip.scene][frames].any() else leak_free).append(clip)
    return leaking, leak_free


class ClipReader:
    """Reads clips of scenes whose planes it makes once and keeps in memory.

    A 320x240 frame takes 230 kB as `rgb` planes and 460 kB as `temporal` ones.
    """

    def __init__(self, scenes: Sequence[Scene], planes: InputPlanes, clip_length: int) -> None:
        """UserError for a scene without truth and for a clip shorter than a window."""
        if clip_length < WINDOW_LENGTH:
            raise UserError(f"clip_length is {clip_length}, the least is {WINDOW_LENGTH}: use a longer clip")
        self._truths = [_truth(scene) for scene in scenes]
        self._planes = [ScenePlanes(planes, scene.frames) for scene in scenes]
        self._clip_length = clip_length

    def read(self, clip: Clip) -> ClipSample:
        """Returns the planes and masks of `clip` at the native size of its scene."""
        planes, truth = self._planes[clip.scene], self._truths[clip.scene]
        frames = clip_frames(clip.start, self._clip_length, len(planes))
        supervised = frames[: -(WINDOW_LENGTH - 1)]
        return ClipSample(planes[frames], truth[supervised, ..., None].astype(np.float32))


def _truth(scene: Scene) -> np.ndarray:
    if scene.truth is None:
        raise UserError(f"scene {scene.name} has no truth: training needs masks, leave it out or add them")
    return scene.truth
