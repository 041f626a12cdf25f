"""One video watched frame by frame: probabilities in, masks, rows of the table and events out. Nothing is written."""

from collections import deque
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from jvlgs_jax.data.gain import Frame
from jvlgs_jax.inference.alarms import Alarm, AlarmConfig, AlarmStep, AlarmStream
from jvlgs_jax.inference.camera_motion import CameraMotion, CameraMotionConfig
from jvlgs_jax.inference.frame_table import Box, FrameRow, describe_frame
from jvlgs_jax.inference.postprocess import ConfidenceGate, NamedRule, describe_rule


@dataclass(frozen=True, kw_only=True)
class WatchConfig:
    """How a video is watched.

    Attributes:
        rule: from probabilities to masks.
        alarm: from masks to alarms.
        camera: when the camera counts as moving.
    """

    rule: NamedRule = field(default_factory=ConfidenceGate)
    alarm: AlarmConfig = field(default_factory=AlarmConfig)
    camera: CameraMotionConfig = field(default_factory=CameraMotionConfig)

    def to_json(self) -> dict[str, Any]:
        """Returns every setting as JSON's types."""
        return {"rule": describe_rule(self.rule), "alarm": asdict(self.alarm), "camera": asdict(self.camera)}


@dataclass(frozen=True, kw_only=True)
class Suspension:
    """A time in which the camera moved, so that no alarm could be on: first and last frame so far."""

    start_frame: int
    start_s: float
    end_frame: int
    end_s: float

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON's types."""
        return asdict(self)


class News(StrEnum):
    """What can happen at a frame."""

    ALARM_RAISED = "alarm_raised"
    ALARM_ENDED = "alarm_ended"
    CAMERA_MOVED = "camera_moved"
    CAMERA_SETTLED = "camera_settled"


class Event(NamedTuple):
    """Something that happened, with what is known of it at that moment."""

    news: News
    about: Alarm | Suspension

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON's types."""
        return {"event": str(self.news), **self.about.to_json()}


class Observation(NamedTuple):
    """One frame, watched.

    Attributes:
        row: of the table.
        probability: of gas, zero where nobody looks.
        mask: 0/1.
        alarm: that is on.
        events: that happened at this frame, in order.
        armed: whether a new alarm could be raised at this frame: none was on, no refractory time ran, the camera stood,
            and since the beginning, movement or alarm before it there were as many frames as evidence takes.
    """

    row: FrameRow
    probability: Float32[np.ndarray, "h w"]
    mask: UInt8[np.ndarray, "h w"]
    alarm: Alarm | None
    events: tuple[Event, ...]
    armed: bool


class Watcher:
    """Watches one video; what it says of a frame depends on no later one."""

    def __init__(
        self, config: WatchConfig, frames_per_second: float, watched: Bool[np.ndarray, "h w"] | None = None
    ) -> None:
        """Starts a video; `watched` is where to look, None everywhere."""
        self._masks = config.rule.stream()
        self._alarms = AlarmStream(config.alarm, frames_per_second)
        self._camera = CameraMotion(config.camera, frames_per_second)
        self._moved: deque[bool] = deque()  # of the frames that were looked at ahead of their probabilities
        self._frames_per_second = frames_per_second
        self._watched = watched
        self._suspension: Suspension | None = None
        self._frames = 0

    def starts_view(self, frame: Frame) -> bool:
        """Looks at a frame ahead of `push`, and returns whether the camera shows a new view from it on.

        For a segmenter, which needs to know before it makes the frame's probabilities. Frames that were not looked at
        so are looked at in `push`.
        """
        self._moved.append(self._camera.push(frame))
        return self._camera.starts_view

    def push(self, frame: Frame, probability: Float32[np.ndarray, "h w"]) -> Observation:
        """Returns what there is to say of the next frame and its gas probabilities."""
        moved = self._moved.popleft() if self._moved else self._camera.push(frame)
        return self.judge(probability, moved=moved)

    def judge(self, probability: Float32[np.ndarray, "h w"], *, moved: bool) -> Observation:
        """Returns what there is to say of the next frame where it is known whether the camera moves."""
        if self._watched is not None:
            probability = np.where(self._watched, probability, np.float32(0))
        mask = self._masks.push(probability)
        row = describe_frame(self._frames, self._frames / self._frames_per_second, probability, mask)
        self._frames += 1
        remaining = _largest_within(self._alarms.place, probability)
        step = self._alarms.push(row, remaining=remaining, suspended=moved)
        events = (*_alarm_events(step), *self._suspend(row, moved=moved))
        row = row._replace(alarm=int(step.alarm is not None), suspended=int(moved))
        return Observation(row, probability, mask, step.alarm, events, step.armed)

    def forget_ahead(self) -> None:
        """Drops what was seen in frames that were looked at ahead, which then never come."""
        self._moved.clear()

    def finish(self) -> tuple[Event, ...]:
        """Ends the video; returns the end of what was still going on."""
        alarm = self._alarms.finish()
        ended = () if alarm is None else (Event(News.ALARM_ENDED, alarm),)
        return (*ended, *self._settle())

    def _suspend(self, row: FrameRow, *, moved: bool) -> tuple[Event, ...]:
        if not moved:
            return self._settle()
        if self._suspension is not None:
            self._suspension = replace(self._suspension, end_frame=row.frame, end_s=row.time_s)
            return ()
        self._suspension = Suspension(start_frame=row.frame, start_s=row.time_s, end_frame=row.frame, end_s=row.time_s)
        return (Event(News.CAMERA_MOVED, self._suspension),)

    def _settle(self) -> tuple[Event, ...]:
        over, self._suspension = self._suspension, None
        return () if over is None else (Event(News.CAMERA_SETTLED, over),)


def _largest_within(box: Box | None, probability: Float32[np.ndarray, "h w"]) -> float:
    if box is None:
        return 0.0
    return float(probability[box.y : box.y + box.height, box.x : box.x + box.width].max())


def _alarm_events(step: AlarmStep) -> tuple[Event, ...]:
    if step.ended is not None:
        return (Event(News.ALARM_ENDED, step.ended),)
    if step.raised and step.alarm is not None:
        return (Event(News.ALARM_RAISED, step.alarm),)
    return ()
