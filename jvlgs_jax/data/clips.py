"""Clips: runs of T frames of a scene, of which the first T - 2 are supervised.

Window i of a clip is its frames i, i + 1, i + 2 and is supervised with the truth of frame i, as published. A clip that
reaches past the end of its scene repeats the last frame, so that every frame can be the first of a clip.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int

from jvlgs_jax.data.planes import InputPlanes, ScenePlanes
from jvlgs_jax.data.scene import Scene, SceneInfo
from jvlgs_jax.errors import UserError

WINDOW_LENGTH = 3


class ClipSample(NamedTuple):
    """One clip of t frames: planes in grey levels, and the truth of its s supervised frames in [0, 1]."""

    planes: Float32[np.ndarray, "t h w 3"]
    mask: Float32[np.ndarray, "s h w 1"]


class Clip(NamedTuple):
    """Where a clip starts: the number of its scene and of its first frame."""

    scene: int
    start: int


@runtime_checkable
class ClipReader(Protocol):
    """Random access to the frames of a set of scenes, as planes."""

    @property
    def scenes(self) -> Sequence[SceneInfo]:
        """The scenes; `read` takes their numbers."""
        ...

    def read(self, scene: int, frames: Int[np.ndarray, " t"], supervised: Int[np.ndarray, " s"]) -> ClipSample:
        """Returns the planes of the given frames and the masks of the supervised ones, at the scene's own size.

        Args:
            scene: number of the scene in `scenes`.
            frames: frame numbers in any order, repeats allowed. Planes are causal and made of all frames before each,
                not only of those asked for.
            supervised: frame numbers whose truth is wanted. UserError if there are any and the scene has no truth.
        """
        ...


class MemoryReader:
    """Reads scenes whose planes it makes once and keeps in memory.

    A 320x240 frame takes 230 kB as `rgb` planes and 460 kB as `temporal` ones.
    """

    def __init__(self, scenes: Sequence[Scene], planes: InputPlanes, *, source: str = "memory") -> None:
        """Makes the planes of all scenes; `source` is the name of their dataset."""
        self.scenes: Sequence[SceneInfo] = [scene.info(source) for scene in scenes]
        self._truths = [scene.truth for scene in scenes]
        self._planes = [ScenePlanes(planes, scene.frames) for scene in scenes]

    def read(self, scene: int, frames: Int[np.ndarray, " t"], supervised: Int[np.ndarray, " s"]) -> ClipSample:
        """Returns the planes of the given frames and the masks of the supervised ones, as `ClipReader` says."""
        planes, truth = self._planes[scene][frames], self._truths[scene]
        if truth is None:
            if supervised.size:
                raise no_truth(self.scenes[scene])
            return ClipSample(planes, np.empty((0, *planes.shape[1:3], 1), np.float32))
        return ClipSample(planes, truth[supervised, ..., None].astype(np.float32))


def no_truth(scene: SceneInfo) -> UserError:
    """Returns the error to raise where masks are needed of a scene that has none."""
    return UserError(f"scene {scene.name} has no truth: training needs masks, leave it out or add them")


def index_clips(scenes: Sequence[SceneInfo], *, stride: int) -> list[Clip]:
    """Returns the clips that start at every `stride`-th frame of every scene."""
    return [Clip(number, start) for number, scene in enumerate(scenes) for start in range(0, scene.length, stride)]


def clip_frames(start: int, clip_length: int, scene_length: int) -> Int[np.ndarray, " t"]:
    """Returns the frame numbers of a clip, clamped at the last frame of its scene."""
    return np.minimum(start + np.arange(clip_length), scene_length - 1)


def split_by_leak(
    scenes: Sequence[SceneInfo], clips: Sequence[Clip], clip_length: int
) -> tuple[list[Clip], list[Clip]]:
    """Returns the clips with gas in a supervised frame, and those without any; UserError without truth."""
    windows = clip_length - WINDOW_LENGTH + 1
    leaking: list[Clip] = []
    leak_free: list[Clip] = []
    for clip in clips:
        scene = scenes[clip.scene]
        if scene.leak is None:
            raise no_truth(scene)
        frames = clip_frames(clip.start, windows, scene.length)
        (leaking if scene.leak[frames].any() else leak_free).append(clip)
    return leaking, leak_free
