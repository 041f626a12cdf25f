"""Sizes and times of files, which tell at once whether data has changed."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class FileState(NamedTuple):
    """Of a file: its bytes, and when it was last written, in nanoseconds."""

    size: int
    time: int


def file_states(files: Iterable[Path], top: Path) -> dict[str, FileState]:
    """Returns the state of each of the files that is there, by its path as seen from the folder `top`."""
    states = {}
    for file in files:
        if file.is_file():
            about = file.stat()
            states[os.path.relpath(file, top)] = FileState(about.st_size, about.st_mtime_ns)
    return states
