"""Events on stdout for other programs, one JSON object a line, at the moment they happen."""

import json
import os
import sys
from typing import Any

from jvlgs_jax.errors import UserError


def print_json_line(content: dict[str, Any]) -> None:
    """Prints one line and hands it on at once; UserError where nobody reads stdout any more."""
    try:
        print(json.dumps(content), flush=True)
    except BrokenPipeError as error:
        # What is left in the buffer would fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UserError("stdout: the program that reads it has ended: start both again") from error
