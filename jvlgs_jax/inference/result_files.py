"""The files of one prediction while it is made, in a hidden folder beside the places where they will appear."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.inference.event_log import EventLog
from jvlgs_jax.inference.frame_table import FrameTable
from jvlgs_jax.inference.output_folder import EVENTS, MASKS, OVERLAY, PARQUET, REPORT, TABLE
from jvlgs_jax.inference.replacement import put_in_place, remove
from jvlgs_jax.inference.video_writer import VideoParts

_PARTS, _LINES = "overlay", "events.jsonl"


class Lengths(NamedTuple):
    """How much of each file is safe on the disk: bytes of the table and of the events, parts of the overlay."""

    table: int = 0
    events: int = 0
    overlay: int = 0


class ResultFiles:
    """masks/, overlay, frames.csv and events of a video, written frame by frame."""

    def __init__(self, folder: Path, frames_per_second: float, lengths: Lengths) -> None:
        """Begins the files in `folder`, or goes on after what they held when `saved` returned `lengths`."""
        self._masks = folder / MASKS
        self._masks.mkdir(exist_ok=True)
        self._folder = folder
        self._overlay = VideoParts(folder / _PARTS, frames_per_second, lengths.overlay)
        self._table = FrameTable(folder / TABLE, lengths.table)
        self.events = EventLog(folder / _LINES, lengths.events)
        self.write_frame = self._overlay.write
        self.write_row = self._table.write

    def write_mask(self, frame: int, mask: UInt8[np.ndarray, "h w"]) -> None:
        """Writes the 0/1 mask of a frame as an image of 0 and 255."""
        _, encoded = cv2.imencode(".png", 255 * mask)
        (self._masks / f"{frame:06d}.png").write_bytes(encoded.tobytes())

    def saved(self) -> Lengths:
        """Brings what was written to the disk, and returns how much that is."""
        return Lengths(self._table.saved(), self.events.saved(), self._overlay.saved())

    def finish(self) -> None:
        """Makes masks, overlay and table whole, of at least one frame; what was saved on the way stays."""
        self._table.close()
        self._overlay.join(self._folder / OVERLAY)

    def publish(self, output: Path) -> None:
        """Moves all files, which must be whole, to `output`, where they replace those of an earlier run."""
        for name in (EVENTS, PARQUET):  # of an earlier run
            remove(output / name)
        for name in (OVERLAY, TABLE, REPORT, MASKS, EVENTS):  # events.json tells that the others are there
            put_in_place(self._folder / name, output / name)

    def close(self) -> None:
        """Ends all files."""
        for end in (self._overlay.saved, self._table.close, self.events.close):
            with suppress(OSError):  # a full disk has been told already
                end()
