"""Hidden files and folders, which are no data: `._a.mp4` of a Mac, `.ipynb_checkpoints` of a notebook."""

from collections.abc import Iterable
from pathlib import Path


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is hidden: it begins with a dot."""
    return name.startswith(".")


def visible(paths: Iterable[Path]) -> list[Path]:
    """Returns, of what a folder holds, all that is not hidden; folders above do not matter."""
    return [path for path in paths if not is_hidden(path.name)]
