"""A network's answers for one video, kept on disk, so that other settings need no second run of the network."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from jvlgs_jax.data.gain import Frame
from jvlgs_jax.inference.predict import Probabilities
from jvlgs_jax.inference.segmenter import SegmenterMemory, StartsView, same_view
from jvlgs_jax.serve.stoppable import StoppableVideo

LIMIT = 1 << 30  # bytes; 3,500 frames of 320x240


class Remembered:
    """Gives the probabilities of one video: from the network, and once it has answered for all frames, from a file.

    They are kept exactly, so that a second run finds what the first one would have found with its settings.
    """

    def __init__(self, network: Probabilities, folder: Path, limit: int = LIMIT) -> None:
        """Starts without answers.

        Args:
            network: gives them.
            folder: where to keep them; whoever made it removes it.
            limit: most bytes that are kept; nothing of a video that needs more.
        """
        self._network, self._folder, self._limit = network, folder, limit
        self._path: Path | None = None

    @property
    def whole(self) -> bool:
        """Whether the next run needs no network."""
        return self._path is not None

    def forget(self) -> None:
        """Asks the network again in the next run."""
        path, self._path = self._path, None
        if path is not None:
            path.unlink(missing_ok=True)

    def answers(self, video: StoppableVideo) -> Probabilities:
        """Returns what answers for the frames of `video` in one run from its start.

        Answers of the network are kept once all are given, unless `video` was stopped. What is kept holds for one
        `starts_view`: forget it where that changes. There is no `memory` to go on from.
        """
        if self._path is not None:
            return _Kept(self._path)
        return _Asked(network=self._network, video=video, folder=self._folder, limit=self._limit, keep=self._keep)

    def _keep(self, path: Path) -> None:
        self._path = path


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """Answers of the network in one run; a file of them goes to `keep` if all were given and none is missing."""

    network: Probabilities
    video: StoppableVideo
    folder: Path
    limit: int
    keep: Callable[[Path], None]

    def probabilities(
        self, frames: Iterable[Frame], *, starts_view: StartsView = same_view, memory: SegmenterMemory | None = None
    ) -> Iterator[Float32[np.ndarray, "h w"]]:
        # A name of its own: a run that was given up may still be waiting for the network.
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
            path, room, whole = Path(file.name), self.limit, False
            try:
                for probability in self.network.probabilities(frames, starts_view=starts_view):
                    room -= probability.nbytes
                    if room >= 0:
                        file.write(probability.tobytes())
                    yield probability
                whole = room >= 0 and self.video.whole
            finally:
                if not whole:
                    path.unlink(missing_ok=True)
        if whole:
            self.keep(path)


@dataclass(frozen=True)
class _Kept:
    """Answers that an earlier run has kept."""

    path: Path

    def probabilities(
        self, frames: Iterable[Frame], *, starts_view: StartsView = same_view, memory: SegmenterMemory | None = None
    ) -> Iterator[Float32[np.ndarray, "h w"]]:
        with self.path.open("rb") as file:
            for frame in frames:
                height, width = frame.shape[:2]
                yield np.fromfile(file, np.float32, height * width).reshape(height, width)
