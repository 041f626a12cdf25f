"""The comparison table of a suite: for people (Markdown), spreadsheets (CSV) and programs (JSON)."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from math import isnan
from pathlib import Path
from typing import NamedTuple

from jvlgs_jax.data.printable import printable
from jvlgs_jax.evaluation.field import leak_free_footage, small_plumes
from jvlgs_jax.evaluation.records import FrameRecord
from jvlgs_jax.evaluation.report import score
from jvlgs_jax.evaluation.suite_results import DatasetResult
from jvlgs_jax.inference.replacement import replacement

MARKDOWN, CSV, JSON = "suite.md", "suite.csv", "suite.json"
ALL_DATASETS, ALL_VIDEOS = "all datasets", "mean"


class Over(StrEnum):
    """What the numbers of a row are taken over."""

    VIDEO = "video"
    DATASET = "dataset"
    SUITE = "suite"


class SuiteRow(NamedTuple):
    """The numbers of one method on one video, or over all videos of a dataset or of the suite.

    Of the latter two, `video` is "mean" and the suite's `dataset` "all datasets", as they are shown: a video or dataset
    may be called so, too, and `over` tells them apart. Names are as they can be written, see `printable`.
    """

    dataset: str
    video: str
    method: str
    over: Over
    numbers: Mapping[str, int | float]  # nan: there is nothing to take it from


class _Column(NamedTuple):
    number: str
    heading: str
    text: Callable[[float], str]


def _digits(count: int) -> Callable[[float], str]:
    return lambda value: f"{value:.{count}f}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


_COLUMNS = (
    _Column("videos", "videos", _digits(0)),
    _Column("frames", "frames", _digits(0)),
    _Column("jvlgs_j", "jvlgs J", _digits(3)),
    _Column("jvlgs_f", "jvlgs F", _digits(3)),
    _Column("langgas_j", "langgas J", _digits(3)),
    _Column("langgas_f", "langgas F", _digits(3)),
    _Column("langgas_frame_accuracy", "langgas frame acc", _digits(3)),
    _Column("davis_j", "davis J", _digits(3)),
    _Column("davis_f", "davis F", _digits(3)),
    _Column("false_alarm_rate", "false alarms", _percent),
    _Column("false_alarms_per_hour", "false alarms/h", _digits(1)),
    _Column("leak_free_hours", "leak-free h", _digits(3)),
    _Column("detection_rate", "detected", _percent),
    _Column("onset_latency", "onset latency", _digits(1)),
    _Column("missed_videos", "missed", _digits(0)),
    _Column("small_plume_j", "small J", _digits(3)),
    _Column("small_plume_videos", "small videos", _digits(0)),
    _Column("milliseconds_per_frame", "ms/frame", _digits(1)),
)

_LEGEND = (
    "J and F are means over videos. False alarms: share of leak-free frames with a mask; per hour, alarms in a row are "
    "one. Detected: share of frames with gas whose mask overlaps it. Onset latency: frames from the first gas to the "
    "first overlap, of the videos that were ever detected; missed: those that never were. Small: J on frames with gas "
    "on less than 1 % of the image, by the jvlgs convention, over the videos that have some. ms/frame: from a frame in "
    "memory to its mask, on the machine that scored it."
)


def suite_rows(results: Sequence[DatasetResult]) -> list[SuiteRow]:
    """Returns the rows of a suite: of every dataset each video and the mean over them, then the mean over all videos.

    In the last, each video of each dataset counts alike.
    """
    rows: list[SuiteRow] = []
    every = [_Measured(result) for result in results]
    for measured in every:
        for video in (*measured.frames_per_second, None):
            rows.extend(measured.row(method, video) for method in measured.methods)
    if len(every) > 1:
        rows.extend(_row_over_all(every, method) for method in every[0].methods)
    return rows


class _Measured:
    """A dataset's result with its records grouped by video, whose names are made unique in the suite."""

    def __init__(self, result: DatasetResult) -> None:
        self.name = result.name
        self.frames_per_second = result.frames_per_second
        self.methods = list(result.evaluation.records)
        self.seconds = result.evaluation.seconds
        self._records: dict[tuple[str, str], list[FrameRecord]] = {}
        for method, records in result.evaluation.records.items():
            for record in records:
                self._records.setdefault((method, record.scene), []).append(record)

    def row(self, method: str, video: str | None) -> SuiteRow:
        videos = list(self.frames_per_second) if video is None else [video]
        records = [record for name in videos for record in self._records[method, name]]
        seconds = sum(self.seconds[method][name] for name in videos)
        numbers = _numbers(records, self.frames_per_second, seconds)
        if video is None:
            return SuiteRow(printable(self.name), ALL_VIDEOS, method, Over.DATASET, numbers)
        return SuiteRow(printable(self.name), printable(video), method, Over.VIDEO, numbers)

    def unique(self, method: str) -> list[FrameRecord]:
        videos = self.frames_per_second
        return [
            record._replace(scene=f"{self.name}/{name}") for name in videos for record in self._records[method, name]
        ]


def _row_over_all(every: Sequence[_Measured], method: str) -> SuiteRow:
    records = [record for measured in every for record in measured.unique(method)]
    rates = {f"{of.name}/{name}": rate for of in every for name, rate in of.frames_per_second.items()}
    seconds = sum(sum(of.seconds[method].values()) for of in every)
    return SuiteRow(ALL_DATASETS, ALL_VIDEOS, method, Over.SUITE, _numbers(records, rates, seconds))


def _numbers(
    records: Sequence[FrameRecord], frames_per_second: Mapping[str, float], seconds: float
) -> dict[str, int | float]:
    scores = score(records)
    footage = leak_free_footage(records, frames_per_second)
    small = small_plumes(records)
    return {
        "videos": len(scores.alarms.parts),
        "frames": len(records),
        "jvlgs_j": scores.jvlgs.j,
        "jvlgs_f": scores.jvlgs.f,
        "langgas_j": scores.langgas.j,
        "langgas_f": scores.langgas.f,
        "langgas_frame_accuracy": scores.langgas.frame_accuracy,
        "davis_j": scores.davis.j,
        "davis_f": scores.davis.f,
        "false_alarm_rate": scores.alarms.false_alarm_rate,
        "false_alarms_per_hour": footage.alarms_per_hour,
        "leak_free_hours": footage.hours,
        "detection_rate": scores.alarms.detection_rate,
        "onset_latency": scores.alarms.onset_latency,
        "missed_videos": scores.alarms.missed_scenes,
        "small_plume_j": small.j,
        "small_plume_videos": small.scenes,
        "milliseconds_per_frame": 1000 * seconds / len(records),
    }


def means_table(rows: Sequence[SuiteRow]) -> str:
    """Returns the means as a Markdown table, a line for each dataset and method."""
    means = [row for row in rows if row.over is not Over.VIDEO]
    return _markdown(("dataset", "method"), [(row.dataset, row.method, *_cells(row)) for row in means])


def save_suite(output: Path, rows: Sequence[SuiteRow], notes: Sequence[str]) -> None:
    """Writes suite.md, suite.csv and suite.json to the folder `output`; `notes` are lines that head the first."""
    notes = [printable(note) for note in notes]
    with replacement(output / MARKDOWN) as partial:
        partial.write_text(_document(rows, notes), encoding="utf-8")
    with replacement(output / CSV) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*SuiteRow._fields[:4], *(column.number for column in _COLUMNS)))
        for row in rows:
            values = [row.numbers[column.number] for column in _COLUMNS]
            writer.writerow((*row[:4], *("" if isnan(value) else value for value in values)))
    with replacement(output / JSON) as partial:
        plain = [
            row._asdict() | {"numbers": {name: None if isnan(of) else of for name, of in row.numbers.items()}}
            for row in rows
        ]
        partial.write_text(json.dumps({"notes": notes, "rows": plain}, indent=2) + "\n", encoding="utf-8")


def _document(rows: Sequence[SuiteRow], notes: Sequence[str]) -> str:
    parts = ["# Suite", *notes, _LEGEND, means_table(rows)]
    videos = [row for row in rows if row.over is Over.VIDEO]
    for dataset in dict.fromkeys(row.dataset for row in videos):
        own = [(row.video, row.method, *_cells(row)) for row in videos if row.dataset == dataset]
        table = _markdown(("video", "method"), own)
        parts += [f"## {dataset}", table]
    return "\n\n".join(parts) + "\n"


def _cells(row: SuiteRow) -> list[str]:
    values = [row.numbers[column.number] for column in _COLUMNS]
    return ["n/a" if isnan(of) else column.text(of) for of, column in zip(values, _COLUMNS, strict=True)]


def _markdown(names: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    header = (*names, *(column.heading for column in _COLUMNS))
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        left = [cell.ljust(width) for cell, width in zip(cells[: len(names)], widths, strict=False)]
        right = [cell.rjust(width) for cell, width in zip(cells[len(names) :], widths[len(names) :], strict=True)]
        return f"| {' | '.join([*left, *right])} |"

    rules = ["-" * width for width in widths[: len(names)]]
    rules += ["-" * (width - 1) + ":" for width in widths[len(names) :]]
    return "\n".join([line(header), f"| {' | '.join(rules)} |", *map(line, rows)])
