"""A picture of each alarm, of the strongest ones if there are many."""

import heapq
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.inference.alarms import Alarm
from jvlgs_jax.inference.frame_table import FrameRow

KEPT = 24
WIDEST = 640  # pixels

Picture = UInt8[np.ndarray, "h w 3"]


class Snapshot(NamedTuple):
    """The picture, a JPEG, of the frame with the largest mask of those in which the alarm was on."""

    alarm: Alarm
    row: FrameRow
    jpeg: bytes
    width: int
    height: int


class Snapshots:
    """Keeps one picture while an alarm is on, and those of the alarms with the largest masks in all."""

    def __init__(self, kept: int = KEPT) -> None:
        """Starts a video."""
        self._kept = kept
        self._best: tuple[FrameRow, Picture] | None = None
        self._heap: list[tuple[float, int, Snapshot]] = []

    def see(self, row: FrameRow, picture: Picture) -> None:
        """Takes a frame in which an alarm is on; `picture` must not be changed afterwards."""
        if self._best is None or row.area_px > self._best[0].area_px:
            self._best = row, picture

    def end(self, alarm: Alarm) -> None:
        """Ends the alarm that was on."""
        if self._best is None:
            return
        (row, picture), self._best = self._best, None
        snapshot = _encode(alarm, row, picture)
        # Of equal ones, the earlier is kept
        heapq.heappush(self._heap, (alarm.peak_area_share, -alarm.number, snapshot))
        if len(self._heap) > self._kept:
            heapq.heappop(self._heap)

    def in_order(self) -> list[Snapshot]:
        """Returns the snapshots kept, in the order of the video."""
        return sorted((snapshot for _, _, snapshot in self._heap), key=lambda snapshot: snapshot.alarm.number)


def _encode(alarm: Alarm, row: FrameRow, picture: Picture) -> Snapshot:
    height, width = picture.shape[:2]
    if width > WIDEST:
        height, width = max(1, round(height * WIDEST / width)), WIDEST
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return Snapshot(alarm, row, jpeg.tobytes(), width, height)
