"""The folder that a prediction writes to."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from jvlgs_jax.errors import UserError

MASKS, OVERLAY, TABLE, EVENTS, REPORT = "masks", "overlay.mp4", "frames.csv", "events.json", "report.html"
PARQUET = "frames.parquet"  # only where it is asked for
UNFINISHED = ".unfinished"  # holds them until they are whole


def check_apart(output: Path, source: Path) -> None:
    """UserError where results in the folder `output` would replace their input `source`."""
    with writing_to(output):
        if _real(source) in map(_real, (output, output / MASKS, output / OVERLAY)):
            raise UserError(f"{output}: results here would replace the input {source}: choose another output folder")


def prepare_output(output: Path, source: Path | None) -> None:
    """Makes the folder `output`, or raises the UserError that says why the results of `source` must not go there.

    It is the folder of one video: that of several has a folder in it for each. None: a live input, which no results
    could replace.
    """
    if source is not None:
        check_apart(output, source)
    with writing_to(output):
        if (output / MASKS).exists() and not (output / TABLE).exists():
            raise UserError(
                f"{output / MASKS}: holds masks that no prediction wrote ({TABLE} is missing): choose another output "
                "folder"
            )
        output.mkdir(parents=True, exist_ok=True)
        probe = output / ".writable"
        probe.touch()
        probe.unlink()


@contextmanager
def writing_to(output: Path) -> Generator[None]:
    """Turns what the system refuses inside, such as making a folder, into the UserError that names `output`."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{output}: cannot write here ({error.strerror}): choose another output folder") from error


def _real(path: Path) -> str:
    return os.path.realpath(path)  # unlike Path.resolve, also of a link that leads to itself
