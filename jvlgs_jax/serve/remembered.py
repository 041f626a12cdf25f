"""A network's answers for one video, kept on disk, so that other settings need no second run of the network."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from jvlgs_jax.data.gain import Frame
from jvlgs_jax.inference.predict import Probabilities
from jvlgs_jax.inference.segmenter import SegmenterMemory, StartsView, same_view

LIMIT = 1 << 30  # bytes; 3,500 frames of 320x240


class Remembered:
    """Gives the probabilities of one video: from the network, and once it has answered for all frames, from a file.

    They are kept exactly, so that a second run finds what the first one would have found with its settings.
    """

    def __init__(self, network: Probabilities, folder: Path, frame_count: int, limit: int = LIMIT) -> None:
        """Starts without answers.

        Args:
            network: gives them.
            folder: where to keep them; whoever made it removes it.
            frame_count: of the video; a run with fewer frames was stopped. 0: unknown, nothing is kept.
            limit: most bytes that are kept; nothing of a video that needs more.
        """
        self._network, self._folder, self._limit = network, folder, limit
        self._frame_count = frame_count
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

    def probabilities(
        self, frames: Iterable[Frame], *, starts_view: StartsView = same_view, memory: SegmenterMemory | None = None
    ) -> Iterator[Float32[np.ndarray, "h w"]]:
        """Yields one map a frame; `frames` are those of the one video.

        What is kept holds for one `starts_view`: forget it where that changes. There is no `memory` to go on from: a
        run begins with the video.
        """
        return self._ask(frames, starts_view) if self._path is None else _read(self._path, frames)

    def _ask(self, frames: Iterable[Frame], starts_view: StartsView) -> Iterator[Float32[np.ndarray, "h w"]]:
        # A name of its own: a run that was given up may still be waiting for the network.
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
            path, room, count = Path(file.name), self._limit, 0
            try:
                for probability in self._network.probabilities(frames, starts_view=starts_view):
                    count += 1
                    room -= probability.nbytes
                    if room >= 0:
                        file.write(probability.tobytes())
                    yield probability
            finally:
                kept = 0 < self._frame_count <= count and room >= 0
                if not kept:
                    path.unlink(missing_ok=True)
        if kept:
            self._path = path


def _read(path: Path, frames: Iterable[Frame]) -> Iterator[Float32[np.ndarray, "h w"]]:
    with path.open("rb") as file:
        for frame in frames:
            height, width = frame.shape[:2]
            yield np.fromfile(file, np.float32, height * width).reshape(height, width)
