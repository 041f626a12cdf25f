"""Events on stdout for other programs, one JSON object a line, at the moment they happen."""

import json
from typing import Any


def print_json_line(content: dict[str, Any]) -> None:
    """Prints one line and hands it on at once; BrokenPipeError where nobody reads stdout any more."""
    print(json.dumps(content), flush=True)
