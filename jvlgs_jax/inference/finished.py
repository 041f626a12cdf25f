"""Whether a folder holds all results of a prediction already."""

import json
from pathlib import Path

from jvlgs_jax.inference.output_folder import EVENTS, MASKS, OVERLAY, REPORT, TABLE
from jvlgs_jax.inference.summary import Summary

IDENTITY = "identity"  # under which events.json, which is written last, says what it is of


def finished(output: Path, identity: str) -> Summary | None:
    """Returns what was found by the prediction of that identity whose results are in `output`; None if they are not."""
    if not all((output / part).exists() for part in (MASKS, OVERLAY, TABLE, EVENTS, REPORT)):
        return None
    try:
        said = json.loads((output / EVENTS).read_text(encoding="utf-8"))
        return Summary(**said["summary"]) if said[IDENTITY] == identity else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
