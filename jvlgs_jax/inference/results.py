"""What is written of one prediction: frame by frame into files of its own, and whole when it is published."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from jvlgs_jax.data.gain import Frame, whole_levels
from jvlgs_jax.inference.alarms import Alarm
from jvlgs_jax.inference.finished import IDENTITY
from jvlgs_jax.inference.output_folder import EVENTS, REPORT
from jvlgs_jax.inference.overlay import draw_overlay
from jvlgs_jax.inference.provenance import Recording, describe_recording
from jvlgs_jax.inference.replacement import replacement
from jvlgs_jax.inference.report import Findings, render_report
from jvlgs_jax.inference.result_files import ResultFiles
from jvlgs_jax.inference.snapshots import Snapshots
from jvlgs_jax.inference.summary import Summary
from jvlgs_jax.inference.timeline import Timeline
from jvlgs_jax.inference.watching import Event, News, Observation, WatchConfig

About = Mapping[str, Mapping[str, Any]]
"""Where results come from and how they were made, as JSON's types: facts by name, by part."""


@dataclass
class Story:
    """What is kept in memory of a video, whatever its length.

    Attributes:
        size: (height, width) of its frames.
        timeline: its course.
        snapshots: pictures of alarms.
        summary: counts.
        alarm: that is on.
    """

    size: tuple[int, int] = (0, 0)
    timeline: Timeline = field(default_factory=Timeline)
    snapshots: Snapshots = field(default_factory=Snapshots)
    summary: Summary = field(default_factory=Summary)
    alarm: Alarm | None = None


class Recorder:
    """Writes what is seen in one video. What it keeps in memory does not grow with the video's length."""

    def __init__(
        self,
        files: ResultFiles,
        video: Recording,
        watch: WatchConfig,
        watched: Bool[np.ndarray, "h w"] | None,
        story: Story,
    ) -> None:
        """Starts a video that is watched so, and where `watched` says, or goes on with its `story`, which it keeps."""
        self._files, self._video, self._watch, self._watched = files, video, watch, watched
        self._story = story

    @property
    def summary(self) -> Summary:
        """What was found so far."""
        return self._story.summary

    def add(self, frame: Frame, seen: Observation) -> UInt8[np.ndarray, "H W 3"]:
        """Writes the next frame; returns its overlay."""
        story = self._story
        story.size = frame.shape[:2]
        self._files.write_mask(seen.row.frame, seen.mask)
        picture = draw_overlay(whole_levels(frame), seen.probability, seen.mask, seen.row, self._watched)
        self._files.write_frame(picture)
        self._files.write_row(seen.row)
        story.timeline.push(seen.row)
        story.summary = story.summary.with_frame(seen)
        story.alarm = seen.alarm
        if seen.alarm is not None:
            story.snapshots.see(seen.row, picture)
        for event in seen.events:
            self.add_event(event)
        return picture

    def add_event(self, event: Event) -> None:
        """Writes something that happened at the frame last added."""
        self._files.events.add(event)
        if event.news is News.ALARM_ENDED and isinstance(event.about, Alarm):
            self._story.snapshots.end(event.about)
            self._story.alarm = None

    def publish(self, output: Path, origin: About, identity: str) -> None:
        """Writes report.html, then events.json, to the folder `output`: all there is to say so far.

        `origin` is of the model and what else led here. Its "video", if any, adds to what is read from the video, or
        says it otherwise: an uploaded file has another name where it came from. `identity` is of the prediction.
        """
        story = self._story
        recording = {**describe_recording(self._video, story.size), **origin.get("video", {})}
        about = {**origin, "video": recording, **self._watch.to_json()}
        found = Findings(
            title=Path(recording["path"]).name,
            frames_per_second=self._video.frames_per_second,
            made=datetime.now(UTC),
            evidence=self._watch.alarm.on,
            summary=story.summary,
            spans=story.timeline.spans,
            snapshots=story.snapshots.in_order(),
            about=about,
        )
        with replacement(output / REPORT) as partial:
            partial.write_text(render_report(found), encoding="utf-8")
        said = {"summary": asdict(story.summary), **about, IDENTITY: identity}
        self._files.events.publish(output / EVENTS, said, story.alarm)
