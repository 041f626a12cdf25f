"""frames.csv: what was seen in each frame of a video, one row a frame."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from jvlgs_jax.inference.replacement import replacement


class Box(NamedTuple):
    """The smallest box around a mask: its left column, top row, width and height, in pixels."""

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width} x {self.height} pixels from ({self.x}, {self.y})"


class FrameRow(NamedTuple):
    """One frame; lengths in pixels, the origin at the centre of the top left pixel. None where the mask is empty."""

    frame: int  # from 0
    time_s: float
    max_probability: float
    area_px: int
    area_share: float  # of the picture, 0 to 1
    box_x: int | None = None  # left column, top row, width and height of the smallest box around the whole mask
    box_y: int | None = None
    box_w: int | None = None
    box_h: int | None = None
    centroid_x: float | None = None
    centroid_y: float | None = None
    alarm: int = 0  # 1: an alarm is on, see `alarms`
    suspended: int = 0  # 1: the camera moves, so that no alarm can be on

    @property
    def box(self) -> Box | None:
        """The box around the whole mask; None where the mask is empty."""
        x, y, width, height = self.box_x, self.box_y, self.box_w, self.box_h
        return None if x is None or y is None or width is None or height is None else Box(x, y, width, height)


WriteRow = Callable[[FrameRow], None]


def describe_frame(
    frame: int, time_s: float, probability: Float32[np.ndarray, "h w"], mask: UInt8[np.ndarray, "h w"]
) -> FrameRow:
    """Returns the row of a frame from its probabilities and its 0/1 mask, before it is known whether an alarm is on."""
    area = int(np.count_nonzero(mask))
    row = FrameRow(
        frame=frame,
        time_s=round(time_s, 6),
        max_probability=round(float(probability.max()), 6),
        area_px=area,
        area_share=round(area / mask.size, 6),
    )
    if area == 0:
        return row
    x, y, width, height = cv2.boundingRect(mask)
    rows, columns = np.nonzero(mask)
    return row._replace(
        box_x=x,
        box_y=y,
        box_w=width,
        box_h=height,
        centroid_x=round(float(columns.mean()), 3),
        centroid_y=round(float(rows.mean()), 3),
    )


@contextmanager
def frame_table(path: Path) -> Iterator[WriteRow]:
    """Yields a function that appends one row to the table at `path`; an earlier table is replaced at the end."""
    with replacement(path) as partial, partial.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FrameRow._fields)
        yield writer.writerow
