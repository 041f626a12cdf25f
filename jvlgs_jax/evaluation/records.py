"""What is kept of each scored frame: counts from which every convention's numbers follow."""

import csv
from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.boundary import BoundaryCounts, boundary_counts
from jvlgs_jax.inference.replacement import replacement

_ODD_NAMES = "surrogateescape"  # bytes of a scene's name that are not UTF-8 stay as they are


class FrameRecord(NamedTuple):
    """One frame of a prediction beside its truth; all counts are pixels."""

    scene: str
    frame: int  # from 0
    tp: int
    fp: int
    fn: int
    tn: int
    max_probability: float  # of the frame; nan for a method without probabilities
    predicted_boundary: int
    predicted_boundary_matched: int
    true_boundary: int
    true_boundary_matched: int

    @property
    def predicted_area(self) -> int:
        """Pixels of the mask."""
        return self.tp + self.fp

    @property
    def truth_area(self) -> int:
        """Pixels of the truth."""
        return self.tp + self.fn

    @property
    def boundary(self) -> BoundaryCounts:
        """The outlines' counts."""
        return BoundaryCounts(
            self.predicted_boundary, self.predicted_boundary_matched, self.true_boundary, self.true_boundary_matched
        )


def compare(
    scene: str,
    frame: int,
    mask: UInt8[np.ndarray, "h w"],
    truth: UInt8[np.ndarray, "h w"],
    probability: Float32[np.ndarray, "h w"] | None = None,
) -> FrameRecord:
    """Makes the record of a frame from its 0/1 mask, its 0/1 truth and, where there are any, its probabilities."""
    predicted, true = mask > 0, truth > 0
    tp = int(np.count_nonzero(predicted & true))
    fp = int(np.count_nonzero(predicted)) - tp
    fn = int(np.count_nonzero(true)) - tp
    highest = nan if probability is None else float(probability.max())
    return FrameRecord(scene, frame, tp, fp, fn, mask.size - tp - fp - fn, highest, *boundary_counts(mask, truth))


def save_records(path: Path, records: Mapping[str, Sequence[FrameRecord]]) -> None:
    """Writes the records of each method as one CSV table, replacing an earlier one at the end."""
    with replacement(path) as partial, partial.open("w", newline="", encoding="utf-8", errors=_ODD_NAMES) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("method", *FrameRecord._fields))
        for method, rows in records.items():
            writer.writerows((method, *row) for row in rows)


def load_records(path: Path) -> dict[str, list[FrameRecord]]:
    """Reads a table that `save_records` wrote: the same records. UserError names the line that is damaged."""
    if not path.is_file():
        raise UserError(f"{path}: no such file: give a records.csv that `jvlgs evaluate` wrote")
    records: dict[str, list[FrameRecord]] = {}
    with path.open(newline="", encoding="utf-8", errors=_ODD_NAMES) as file:
        reader = csv.reader(file)
        if next(reader, None) != ["method", *FrameRecord._fields]:
            raise UserError(f"{path}: the first line is not that of a table of records: evaluate again")
        for row in reader:
            try:
                method, *cells = row
                records.setdefault(method, []).append(_parse(cells))
            except ValueError as error:
                raise UserError(f"{path}: line {reader.line_num} is damaged ({error}): evaluate again") from error
    return records


def _parse(cells: list[str]) -> FrameRecord:
    if len(cells) != len(FrameRecord._fields):
        raise ValueError(f"{len(cells) + 1} cells instead of {len(FrameRecord._fields) + 1}")
    scene, *numbers = cells
    values = [
        float(number) if name == "max_probability" else int(number)
        for name, number in zip(FrameRecord._fields[1:], numbers, strict=True)
    ]
    return FrameRecord._make([scene, *values])
