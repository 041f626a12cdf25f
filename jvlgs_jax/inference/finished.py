"""Whether a folder holds all results of a prediction already."""

import json
from pathlib import Path

from jvlgs_jax.inference.output_folder import EVENTS, MASKS, OVERLAY, REPORT, TABLE
from jvlgs_jax.inference.summary import Summary

IDENTITY = "identity"  # under which events.json, which is written last, says what it is of


def finished(output: Path, identity: str) -> Summary | None:
    """Returns what was found by the prediction of that identity whose results are in `output`; None if they are not."""
    try:
        said = json.loads((output / EVENTS).read_text(encoding="utf-8"))
        summary = Summary(**said["summary"])
        same = said[IDENTITY] == identity
        whole = all((output / part).stat().st_size for part in (OVERLAY, TABLE, REPORT))
        masks = len(list((output / MASKS).iterdir()))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return summary if same and whole and masks >= summary.frames else None
