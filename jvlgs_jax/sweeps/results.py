"""The results of a sweep, a row a trial and evaluator: as a table to read, and as CSV and JSON to work with."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.replacement import replacement
from jvlgs_jax.sweeps.progress import State, state

TRIAL = "trial.json"
SCORES = ("scores.json", "scores_best.json")
# Every number carries its convention.
J, F, FALSE_ALARMS = "jvlgs J", "jvlgs F", "false alarms"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a trial set and found, by one of its evaluators.

    Attributes:
        trial: its name.
        settings: what the sweep sets, by dotted name.
        state: how far it is.
        model: which of the training's models was measured: "last", "best-on-validation" or "best-on-test"; None as long
            as none was.
        evaluator: by which of the config's.
        j: by the `jvlgs` convention; None if it is not defined or not there yet.
        f: the same.
        false_alarm_rate: the part of the leak-free frames with an alarm.
    """

    trial: str
    settings: Mapping[str, Any]
    state: State
    model: str | None = None
    evaluator: str | None = None
    j: float | None = None
    f: float | None = None
    false_alarm_rate: float | None = None


def collect(workdir: Path) -> list[Result]:
    """Returns the results of the trials in a sweep's workdir, in their order; UserError if there is none."""
    found = []
    for about in workdir.glob(f"*/{TRIAL}"):
        try:
            trial = json.loads(about.read_text(encoding="utf-8"))
            found.append((trial["index"], about.parent.name, _results(about.parent, trial["settings"])))
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{about}: not a trial of a sweep ({error!r}): remove it, or run the sweep again"
            ) from error
    if not found:
        raise UserError(f"{workdir}: holds no trials: run jvlgs sweep --config=FILE --workdir={workdir} first")
    return [result for _, _, results in sorted(found) for result in results]


def markdown(results: Sequence[Result]) -> str:
    """Returns the results as a table in Markdown."""
    header, *rows = _rows(results, "n/a")
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)]
    return "\n".join(f"| {line} |" for line in (lines[0], " | ".join("-" * width for width in widths), *lines[1:]))


def save(results: Sequence[Result], workdir: Path) -> None:
    """Writes results.md, results.csv and results.json to a sweep's workdir."""
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(_rows(results, ""))
    rows = json.dumps([asdict(result) for result in results], indent=2)
    for suffix, text in (("md", markdown(results) + "\n"), ("csv", table.getvalue()), ("json", rows + "\n")):
        with replacement(workdir / f"results.{suffix}") as partial:
            partial.write_text(text, encoding="utf-8")


def _results(folder: Path, settings: Mapping[str, Any]) -> list[Result]:
    about: dict[str, Any] = {"trial": folder.name, "settings": settings, "state": state(folder)}
    results = []
    for path in (folder / name for name in SCORES):
        if not path.is_file():
            continue
        scores = json.loads(path.read_text(encoding="utf-8"))
        for name, found in scores["evaluators"].items():
            if found["kind"] != "frames":  # the others measure no frames at their own size
                continue
            metrics = found["metrics"]
            results.append(
                Result(
                    **about,
                    model=scores["selection"],
                    evaluator=name,
                    j=metrics["jvlgs_j"],
                    f=metrics["jvlgs_f"],
                    false_alarm_rate=metrics["false_alarm_rate"],
                )
            )
    return results or [Result(**about)]


def _rows(results: Sequence[Result], unknown: str) -> list[list[str]]:
    keys = list(dict.fromkeys(key for result in results for key in result.settings))
    rows = [["trial", *keys, "state", "model", "evaluator", J, F, FALSE_ALARMS]]
    for result in results:
        settings = [str(result.settings[key]) if key in result.settings else "" for key in keys]
        names = [unknown if name is None else name for name in (result.model, result.evaluator)]
        numbers = [
            unknown if number is None else f"{number:.4f}" for number in (result.j, result.f, result.false_alarm_rate)
        ]
        rows.append([result.trial, *settings, str(result.state), *names, *numbers])
    return rows
