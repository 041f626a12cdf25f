"""Outputs that appear whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacement(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, to be written as a file or a folder, and moves it to `path` at the end.

    If the body raises or the process dies, what stood at `path` before is still there, whole. What a killed process
    left at the temporary path is removed by the next one. The suffix is kept, since some writers choose by it.
    """
    partial = path.with_name(f".partial-{path.name}")
    _remove(partial)
    try:
        yield partial
        if path.is_dir():  # unlike a file, a folder cannot be replaced in one step
            earlier = path.with_name(f".earlier-{path.name}")
            _remove(earlier)
            path.rename(earlier)
            partial.rename(path)
            _remove(earlier)
        else:
            partial.replace(path)
    except BaseException:
        _remove(partial)
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
