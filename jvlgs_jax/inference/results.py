"""The files of one prediction, written frame by frame; they appear together, whole."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from jvlgs_jax.data.gain import Frame, whole_levels
from jvlgs_jax.data.video import Video
from jvlgs_jax.inference.alarms import Alarm
from jvlgs_jax.inference.event_log import EventLog, event_log
from jvlgs_jax.inference.frame_table import WriteRow, frame_table
from jvlgs_jax.inference.output_folder import EVENTS, MASKS, OVERLAY, REPORT, TABLE
from jvlgs_jax.inference.overlay import draw_overlay
from jvlgs_jax.inference.provenance import describe_recording
from jvlgs_jax.inference.replacement import replacement
from jvlgs_jax.inference.report import Findings, render_report
from jvlgs_jax.inference.snapshots import Snapshots
from jvlgs_jax.inference.summary import Summary
from jvlgs_jax.inference.timeline import Timeline
from jvlgs_jax.inference.video_writer import WriteFrame, video_writer
from jvlgs_jax.inference.watching import Event, News, Observation, WatchConfig

About = Mapping[str, Mapping[str, Any]]
"""Where results come from and how they were made, as JSON's types: facts by name, by part."""


class ResultFiles(NamedTuple):
    """The files that are open while a video is segmented."""

    masks: Path
    write_frame: WriteFrame
    write_row: WriteRow
    events: EventLog
    report: Path


@contextmanager
def result_files(output: Path, frames_per_second: float) -> Iterator[ResultFiles]:
    """Yields the files; those of an earlier run in the folder `output` are replaced if the block ends well."""
    with (
        replacement(output / MASKS) as masks,
        video_writer(output / OVERLAY, frames_per_second) as write_frame,
        frame_table(output / TABLE) as write_row,
        event_log(output / EVENTS) as events,
        replacement(output / REPORT) as report,
    ):
        masks.mkdir()
        yield ResultFiles(masks, write_frame, write_row, events, report)


class Recorder:
    """Writes what is seen in one video. What it keeps in memory does not grow with the video's length."""

    def __init__(
        self, files: ResultFiles, video: Video, watch: WatchConfig, watched: Bool[np.ndarray, "h w"] | None
    ) -> None:
        """Starts a video that is watched so, and where `watched` says."""
        self._files, self._video, self._watch, self._watched = files, video, watch, watched
        self._size = (0, 0)
        self._timeline = Timeline()
        self._snapshots = Snapshots()
        self.summary = Summary()

    def add(self, frame: Frame, seen: Observation) -> None:
        """Writes the next frame."""
        self._size = frame.shape[:2]
        self._write_mask(seen.row.frame, seen.mask)
        picture = draw_overlay(whole_levels(frame), seen.probability, seen.mask, seen.row, self._watched)
        self._files.write_frame(picture)
        self._files.write_row(seen.row)
        self._timeline.push(seen.row)
        self.summary = self.summary.with_frame(seen)
        if seen.alarm is not None:
            self._snapshots.see(seen.row, picture)
        for event in seen.events:
            self.add_event(event)

    def add_event(self, event: Event) -> None:
        """Writes something that happened at the frame last added."""
        self._files.events.add(event)
        if event.news is News.ALARM_ENDED and isinstance(event.about, Alarm):
            self._snapshots.end(event.about)

    def finish(self, origin: About) -> None:
        """Writes what there is to say once every frame is there; `origin` is of the model and what else led here."""
        about = {"video": describe_recording(self._video, self._size), **origin, **self._watch.to_json()}
        self._files.events.finish({"summary": asdict(self.summary), **about})
        found = Findings(
            title=self._video.path.name,
            frames_per_second=self._video.frames_per_second,
            made=datetime.now(UTC),
            evidence=self._watch.alarm.on,
            summary=self.summary,
            spans=self._timeline.spans,
            snapshots=self._snapshots.in_order(),
            about=about,
        )
        self._files.report.write_text(render_report(found), encoding="utf-8")

    def _write_mask(self, frame: int, mask: UInt8[np.ndarray, "h w"]) -> None:
        _, encoded = cv2.imencode(".png", 255 * mask)
        (self._files.masks / f"{frame:06d}.png").write_bytes(encoded.tobytes())
