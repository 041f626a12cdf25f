"""Clips as the network is trained on them, and where they are read from: the `ClipReader` protocol.

`sampling` says which frames make a clip; a reader gives their planes and masks.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int

from jvlgs_jax.data.planes import InputPlanes, ScenePlanes
from jvlgs_jax.data.scene import Scene, SceneInfo
from jvlgs_jax.errors import UserError

WINDOW_LENGTH = 3


class ClipSample(NamedTuple):
    """One clip of t frames: planes in grey levels, and the truth of its s supervised frames in [0, 1].

    There are c = 3 planes, or one where the three are the same grey picture: whatever follows has a third of the work.
    Readers that mark what is not to be learned put s more maps behind those of the truth, 1 where a pixel is to be
    ignored: whatever moves the truth moves them too.
    """

    planes: Float32[np.ndarray, "t h w c"]
    mask: Float32[np.ndarray, "m h w 1"]  # m = s, or 2 s


@runtime_checkable
class ClipReader(Protocol):
    """Random access to the frames of a set of scenes, as planes."""

    @property
    def scenes(self) -> Sequence[SceneInfo]:
        """The scenes; `read` takes their numbers."""
        ...

    @property
    def marks_ignored(self) -> bool:
        """Whether its samples say which pixels are to be ignored."""
        ...

    def read(self, scene: int, frames: Int[np.ndarray, " t"], supervised: Int[np.ndarray, " s"]) -> ClipSample:
        """Returns the planes of the given frames and the masks of the supervised ones, at the scene's own size.

        Three planes that are the same picture may be given as one.

        Args:
            scene: number of the scene in `scenes`.
            frames: frame numbers in any order, repeats allowed. Planes are causal and made of all frames before each,
                not only of those asked for.
            supervised: frame numbers whose truth is wanted. UserError if there are any and the scene has no truth.
        """
        ...


class MemoryReader:
    """Reads scenes whose planes it makes once and keeps in memory.

    A 320x240 frame takes 77 kB as `rgb` planes if it is grey, 230 kB in colours, and 460 kB as `temporal` planes.
    """

    marks_ignored = False

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


class LeakFreeReader:
    """Reads scenes known to show no gas in any frame: their masks are empty, whether they have any or not."""

    marks_ignored = False

    def __init__(self, reader: ClipReader) -> None:
        """Takes the pictures from `reader`."""
        self._reader = reader
        self.scenes: Sequence[SceneInfo] = [
            replace(scene, leak=np.zeros(scene.length, bool)) for scene in reader.scenes
        ]

    def read(self, scene: int, frames: Int[np.ndarray, " t"], supervised: Int[np.ndarray, " s"]) -> ClipSample:
        """Returns the planes of the given frames and an empty mask for each supervised one, as `ClipReader` says."""
        planes = self._reader.read(scene, frames, np.empty(0, np.int64)).planes
        return ClipSample(planes, np.zeros((len(supervised), *planes.shape[1:3], 1), np.float32))


def no_truth(scene: SceneInfo) -> UserError:
    """Returns the error to raise where masks are needed of a scene that has none."""
    return UserError(f"scene {scene.name} has no truth: training needs masks, leave it out or add them")
