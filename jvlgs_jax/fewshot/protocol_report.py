"""The K-curve as a table, as JSON and as a picture; intervals are bootstrapped over groups of scenes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import fsum, isnan, nan
from pathlib import Path
from typing import Any

import numpy as np

from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.k_curve_plot import PlotPoint, draw_k_curve
from jvlgs_jax.fewshot.protocol import START, Measurement
from jvlgs_jax.inference.replacement import replacement

MARKDOWN, JSON, PLOT = "few_shot.md", "few_shot.json", "few_shot.svg"
LINES, RUN = "measurements.jsonl", "run.json"
DRAWS = 2000

LEGEND = (
    "J and F by the jvlgs convention on the query frames, means over scenes. In brackets: 95 % intervals, bootstrapped "
    "over groups of scenes that share a background (2,000 draws). Gain: J less that of the same scenes at K = 0. False "
    "alarms: share of the query frames without gas that get a mask, all scenes together. Seconds: of adapting one "
    "scene, compilation included, on the machine that measured."
)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over scenes with its 95 % interval, nan where there are fewer than two groups."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f}" if isnan(self.low) else f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """One method after K shots, over all scenes that were measured with it."""

    method: str
    shots: int
    scenes: int
    groups: int
    j: Interval
    gain: Interval
    f: Interval
    leak_free_frames: int
    false_alarm_rate: float
    false_alarm_rate_before: float  # at K = 0, on the same scenes
    seconds: float


def bootstrapped(values: Sequence[float], groups: Sequence[str], seed: int = 0) -> Interval:
    """Returns the mean of scenes' values, with an interval over draws of whole groups with replacement."""
    names = sorted(set(groups))
    mean = fsum(values) / len(values) if values else nan
    if len(names) < 2:
        return Interval(mean=mean, low=nan, high=nan)
    sums = np.array([fsum(v for v, g in zip(values, groups, strict=True) if g == name) for name in names])
    counts = np.array([sum(g == name for g in groups) for name in names])
    drawn = np.random.default_rng(seed).integers(len(names), size=(DRAWS, len(names)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(mean=mean, low=float(low), high=float(high))


def curve(measurements: Sequence[Measurement]) -> list[CurvePoint]:
    """Returns a point for each method and K, in the order in which they were measured first."""
    start = {found.scene: found for found in measurements if found.method == START}
    points = []
    for method, shots in dict.fromkeys((found.method, found.shots) for found in measurements):
        rows = [found for found in measurements if (found.method, found.shots) == (method, shots)]
        groups = [row.group for row in rows]
        empty = sum(row.leak_free_frames for row in rows)
        points.append(
            CurvePoint(
                method=method,
                shots=shots,
                scenes=len(rows),
                groups=len(set(groups)),
                j=bootstrapped([row.j for row in rows], groups),
                gain=bootstrapped([row.j - start[row.scene].j for row in rows], groups),
                f=bootstrapped([row.f for row in rows], groups),
                leak_free_frames=empty,
                false_alarm_rate=_share(sum(row.false_alarms for row in rows), empty),
                false_alarm_rate_before=_share(sum(start[row.scene].false_alarms for row in rows), empty),
                seconds=fsum(row.seconds for row in rows) / len(rows),
            )
        )
    return points


def markdown(points: Sequence[CurvePoint]) -> str:
    """Returns the curve as a Markdown table."""
    rows = [
        "| method | K | scenes | J | gain | F | false alarms (K = 0) | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for of in points:
        before, after = (_percent(rate) for rate in (of.false_alarm_rate_before, of.false_alarm_rate))
        seconds = "" if of.method == START else f"{of.seconds:.0f}"
        gain = "" if of.method == START else str(of.gain)
        rows.append(
            f"| {of.method} | {of.shots} | {of.scenes} | {of.j} | {gain} | {of.f} | {after} ({before}) | {seconds} |"
        )
    return "\n".join(rows)


def describe(found: Measurement) -> str:
    """Returns a measurement as a line to read."""
    return (
        f"{found.scene}: {found.method}, K = {found.shots}: J {found.j:.3f}, F {found.f:.3f}, false alarms "
        f"{found.false_alarms} of {found.leak_free_frames}, {found.seconds:.0f} s"
    )


def save_report(output: Path, measurements: Sequence[Measurement], notes: Sequence[str]) -> None:
    """Writes few_shot.md, few_shot.json and few_shot.svg to the folder `output`."""
    points = curve(measurements)
    with replacement(output / MARKDOWN) as partial:
        partial.write_text("\n\n".join(["# Few-shot", *notes, LEGEND, markdown(points)]) + "\n", encoding="utf-8")
    with replacement(output / JSON) as partial:
        content = {
            "notes": list(notes),
            "points": [_plain(asdict(point)) for point in points],
            "scenes": [_plain(found._asdict()) for found in measurements],
        }
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    with replacement(output / PLOT) as partial:
        partial.write_text(draw_k_curve(_curves(points), "J"), encoding="utf-8")


def _curves(points: Sequence[CurvePoint]) -> dict[str, list[PlotPoint]]:
    """A curve for each method; those that learn from what the model knows begin at K = 0."""
    start = [point for point in points if point.method == START]
    names = dict.fromkeys(point.method for point in points if point.method != START)
    curves = {}
    for name in names:
        own = [point for point in points if point.method == name]
        begin = [] if name.partition(":")[0] == "scratch" else start
        curves[name] = [PlotPoint(of.shots, of.j.mean, of.j.low, of.j.high) for of in (*begin, *own)]
    return curves or {START: [PlotPoint(of.shots, of.j.mean, of.j.low, of.j.high) for of in start]}


def claim_output(output: Path, run: Mapping[str, Any]) -> None:
    """Makes the folder, for measurements of `run` alone; UserError where it holds those of another."""
    output.mkdir(parents=True, exist_ok=True)
    path = output / RUN
    if path.is_file():
        if json.loads(path.read_text(encoding="utf-8")) != dict(run):
            raise UserError(f"{path}: measured with another model, protocol or dataset: choose another output folder")
        return
    if any(output.iterdir()):
        raise UserError(f"{output}: holds something else: choose another output folder")
    with replacement(path) as partial:
        partial.write_text(json.dumps(dict(run), indent=2) + "\n", encoding="utf-8")


def load_measurements(path: Path) -> list[Measurement]:
    """Returns what earlier runs have measured; UserError for a damaged file, and for one of another version."""
    if not path.is_file():
        return []
    try:
        return [Measurement(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: damaged, or of another version ({error}): choose another output folder") from error


def save_measurements(path: Path, measurements: Sequence[Measurement]) -> None:
    """Writes a line for each, in place of what was there."""
    with replacement(path) as partial:
        partial.write_text("".join(json.dumps(of._asdict()) + "\n" for of in measurements), encoding="utf-8")


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and isnan(value) else value


def _share(part: int, whole: int) -> float:
    return part / whole if whole else nan


def _percent(rate: float) -> str:
    return "n/a" if isnan(rate) else f"{100 * rate:.1f} %"
