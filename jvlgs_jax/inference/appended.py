"""Text files that grow, and can be cut back to where they once were."""

import os
from pathlib import Path
from typing import TextIO


def open_after(path: Path, length: int) -> TextIO:
    """Opens a file to append to after its first `length` bytes; what followed them is dropped, 0 begins a new file."""
    file = path.open("r+" if length else "w", encoding="utf-8", newline="")
    file.truncate(length)
    file.seek(0, os.SEEK_END)
    return file


def saved_length(file: TextIO) -> int:
    """Brings what was written to the disk and returns how many bytes that is."""
    file.flush()
    os.fsync(file.fileno())
    return os.fstat(file.fileno()).st_size
