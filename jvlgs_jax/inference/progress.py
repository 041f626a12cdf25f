"""How far a prediction has come, so that a killed one goes on: what it keeps in memory, saved beside its files."""

import pickle
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jvlgs_jax.inference.replacement import replacement
from jvlgs_jax.inference.result_files import Lengths
from jvlgs_jax.inference.results import Story
from jvlgs_jax.inference.segmenter import SegmenterMemory
from jvlgs_jax.inference.watching import Watcher

_ROOMS = frozenset(
    {"alarms", "camera_motion", "evidence", "frame_table", "postprocess", "progress", "result_files", "results"}
    | {"segmenter", "snapshots", "summary", "timeline", "watching"}
)
_ELSEWHERE = frozenset(
    {("collections", "deque"), ("numpy", "dtype"), ("numpy", "ndarray"), ("jvlgs_jax.data.planes", "PlaneMemory")}
    | {("numpy._core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "scalar")}
    | {("numpy._core.numeric", "_frombuffer")}
)


@dataclass
class Progress:
    """A prediction after some frame.

    Attributes:
        identity: of video, model and settings; it goes on with the same ones only.
        watcher: of the frames so far.
        frames: how many these are.
        story: of the frames so far.
        memory: of the segmenter.
        lengths: of the files.
    """

    identity: str
    watcher: Watcher
    frames: int = 0
    story: Story = field(default_factory=Story)
    memory: SegmenterMemory = field(default_factory=SegmenterMemory)
    lengths: Lengths = field(default_factory=Lengths)

    def save(self, path: Path) -> None:
        """Writes it, in place of an earlier one."""
        with replacement(path) as partial:
            partial.write_bytes(pickle.dumps(self, protocol=5))


def load_progress(path: Path, identity: str) -> Progress | None:
    """Returns what was saved of a prediction of that identity; None where there is none, or it cannot be read.

    The file may have been made by anyone who can write to the folder, so that nothing is called which it names beside
    the classes of what is kept.
    """
    try:
        with path.open("rb") as file:
            found = _Unpickler(file).load()
    except (OSError, EOFError, ValueError, TypeError, AttributeError, KeyError, IndexError, pickle.UnpicklingError):
        return None
    return found if isinstance(found, Progress) and found.identity == identity else None


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ELSEWHERE:
            return super().find_class(module, name)
        room, _, file = module.rpartition(".")
        if room == "jvlgs_jax.inference" and file in _ROOMS and "." not in name:
            found = getattr(sys.modules[module], name)
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a saved prediction")


def shape_of(watched: np.ndarray | None) -> str:
    """Says where is looked, for an identity."""
    return "everywhere" if watched is None else np.packbits(watched).tobytes().hex()
