"""Config files: Python that the user writes, whose mistakes are told in one line like any other bad input."""

import re
import runpy
import traceback
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jvlgs_jax.errors import UserError

# How ml_collections ends its complaint about a name, after pages of the names that there are.
_NEAREST = re.compile(r'Did you mean "(?P<nearest>.+)" instead of "(?P<name>.+)"\?$')
_OTHERS = ". Other fields present"


def returned_by(path: Path, function: str, *, hint: str) -> Any:
    """Runs a config file and returns what a function of it returns; what it yields comes as a list.

    Args:
        path: the file.
        function: its name; it takes no arguments.
        hint: what to do about a file without it.

    UserError for a file that is missing or has no such function, and for a mistake in it, with the line.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such config file: see configs/ for some")
    with _mistakes_told(path):
        found = runpy.run_path(str(path)).get(function)
    if found is None:
        raise UserError(f"{path}: defines no {function}(): {hint}")
    with _mistakes_told(path):
        result = found()
        return list(result) if isinstance(result, Iterator) else result


@contextmanager
def _mistakes_told(path: Path) -> Generator[None]:
    try:
        yield
    except Exception as error:  # whatever the user's code may raise
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        if isinstance(error, SyntaxError) and error.filename == str(path):
            lines = [error.lineno]
        raise UserError(f"{path}{f':{lines[-1]}' if lines else ''}: {_message(error)}") from error


def _message(error: Exception) -> str:
    text = _text(error)
    if found := _NEAREST.search(text):
        return f"unknown setting {found['name']!r}: did you mean {found['nearest']!r}?"
    first = text.partition("\n")[0].partition(_OTHERS)[0]
    if isinstance(error, UserError):
        return first
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _text(error: Exception) -> str:
    """Returns what an error says without the quotes of a KeyError, which ml_collections' AttributeError holds."""
    if isinstance(error, SyntaxError):
        return error.msg
    first = error.args[0] if error.args else ""
    if isinstance(first, Exception):
        return _text(first)
    return str(first) if isinstance(error, KeyError) else str(error)
