"""Outputs that appear whole or not at all."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacement(path: Path) -> Generator[Path]:
    """Yields a temporary path beside `path`, to be written as a file or a folder, and moves it to `path` at the end.

    If the body raises or the process dies, what stood at `path` before is still there, whole. What a killed process
    left at the temporary path is removed by the next one. The suffix is kept, since some writers choose by it.
    """
    partial = path.with_name(f".partial-{path.name}")
    remove(partial)
    try:
        yield partial
        put_in_place(partial, path)
    except BaseException:
        remove(partial)
        raise


def put_in_place(made: Path, path: Path) -> None:
    """Moves a whole file or folder to `path`, on the same disk, in place of what stood there before."""
    if path.is_dir():  # unlike a file, a folder cannot be replaced in one step
        earlier = path.with_name(f".earlier-{path.name}")
        remove(earlier)
        path.rename(earlier)
        made.rename(path)
        remove(earlier)
    else:
        made.replace(path)


def remove(path: Path) -> None:
    """Removes a file, a folder with all it holds, or nothing."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
