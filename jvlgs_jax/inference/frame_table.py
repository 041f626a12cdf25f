"""frames.csv: what was seen in each frame of a video, one row a frame."""

import csv
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from jvlgs_jax.inference.appended import open_after, saved_length


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


class FrameTable:
    """Appends rows to the table at `path`."""

    def __init__(self, path: Path, length: int = 0) -> None:
        """Begins the table, or goes on after the first `length` bytes of it, as `saved` returned them."""
        self._file = open_after(path, length)
        self._writer = csv.writer(self._file, lineterminator="\n")
        if length == 0:
            self._writer.writerow(FrameRow._fields)

    def write(self, row: FrameRow) -> None:
        """Appends a row."""
        self._writer.writerow(row)

    def saved(self) -> int:
        """Returns how many bytes of it are safe on the disk: all."""
        return saved_length(self._file)

    def close(self) -> None:
        """Ends the table."""
        self._file.close()
