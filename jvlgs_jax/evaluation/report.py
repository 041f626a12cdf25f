"""The scores of an evaluation, as a table to read and as JSON to keep."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any

from jvlgs_jax.data.printable import printable
from jvlgs_jax.evaluation.conventions import (
    AlarmScore,
    DavisScore,
    JvlgsScore,
    LanggasScore,
    alarms,
    davis,
    jvlgs,
    langgas,
)
from jvlgs_jax.evaluation.records import FrameRecord
from jvlgs_jax.inference.replacement import replacement


@dataclass(frozen=True, kw_only=True)
class Scores:
    """One method's records under every convention."""

    jvlgs: JvlgsScore
    davis: DavisScore
    langgas: LanggasScore
    alarms: AlarmScore

    def __str__(self) -> str:
        return "\n".join(map(str, (self.jvlgs, self.davis, self.langgas, self.alarms)))


def score(records: Sequence[FrameRecord], folds: Mapping[str, str] | None = None) -> Scores:
    """Scores the records of one method under every convention; `folds` are those of `conventions.jvlgs`."""
    return Scores(jvlgs=jvlgs(records, folds), davis=davis(records), langgas=langgas(records), alarms=alarms(records))


# convention, number, its text
_COLUMNS: tuple[tuple[str, str, Callable[[Scores], str]], ...] = (
    ("jvlgs", "J", lambda scores: _cell(scores.jvlgs.j)),
    ("jvlgs", "F", lambda scores: _cell(scores.jvlgs.f)),
    ("davis", "J", lambda scores: _cell(scores.davis.j)),
    ("davis", "F", lambda scores: _cell(scores.davis.f)),
    ("langgas", "J", lambda scores: _cell(scores.langgas.j)),
    ("langgas", "frame acc", lambda scores: _cell(scores.langgas.frame_accuracy)),
    ("alarms", "false alarms", lambda scores: _cell(scores.alarms.false_alarm_rate)),
    ("alarms", "detected", lambda scores: _cell(scores.alarms.detection_rate)),
    ("alarms", "latency", lambda scores: _cell(scores.alarms.onset_latency, digits=1)),
    ("alarms", "missed", lambda scores: str(scores.alarms.missed_scenes)),
)


def table(scores: Mapping[str, Scores]) -> str:
    """Returns one line a method, each column headed by its convention and number; latency is in frames.

    "missed" counts the scenes with gas that were never detected.
    """
    conventions, names, read = zip(*_COLUMNS, strict=True)
    rows = [(method, *(cell(of) for cell in read)) for method, of in scores.items()]
    return _aligned([("", *conventions), ("", *names), *rows])


def scene_table(scores: Scores) -> str:
    """Returns one line a scene: frames with and without gas, J and F by the `jvlgs` convention, and the alarms.

    The scores must come from `score`, in which every scene is a fold of its own.
    """
    header = ("scene", "leak frames", "jvlgs J", "jvlgs F", "detected", "leak-free frames", "false alarms", "latency")
    rows = [header]
    for name, alarm in scores.alarms.parts.items():
        region = scores.jvlgs.parts.get(name)
        rows.append(
            (
                printable(name),
                str(alarm.leak_frames),
                _cell(region.j) if region else "n/a",
                _cell(region.f) if region else "n/a",
                str(alarm.detected_frames),
                str(alarm.leak_free_frames),
                str(alarm.false_alarms),
                "n/a" if alarm.onset_latency is None else str(alarm.onset_latency),
            )
        )
    return _aligned(rows)


def save_scores(path: Path, scores: Mapping[str, Scores]) -> None:
    """Writes {method: {convention: {number: value, "parts": {scene: ...}}}} as JSON; nan becomes null."""
    with replacement(path) as partial:
        partial.write_text(json.dumps(as_json(scores), indent=2) + "\n")


def as_json(scores: Mapping[str, Scores]) -> dict[str, Any]:
    """Returns what `save_scores` writes, as mappings, lists and numbers."""
    return {name: _plain(asdict(of)) for name, of in scores.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and isnan(value) else value


def _cell(value: float, digits: int = 3) -> str:
    return "n/a" if isnan(value) else f"{value:.{digits}f}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *cells in rows:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *padded]))
    return "\n".join(lines)
