"""From frames with gas to alarms: what lasts is told once, with its beginning, peak and end."""

from collections import deque
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from math import ceil, inf
from typing import Any, NamedTuple

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.frame_table import Box, FrameRow
from jvlgs_jax.inference.postprocess import ConfidenceGate, MaskRule
from jvlgs_jax.inference.settings import check_hysteresis, check_least, check_shares, parse_settings, with_settings

LONGEST_S = 86_400  # a day: what is told later comes too late, and a window's frames are kept


@dataclass(frozen=True, kw_only=True)
class AlarmConfig:
    """When gas in the masks becomes an alarm. Times are in seconds, so that they mean the same at any frame rate.

    A frame is evidence if its largest probability reaches `on` and its mask the least area. An alarm is raised when at
    least the share `persistence` of the frames of the last `window_s` is evidence. While it is on, a frame is evidence
    too if a probability reaches `off` within the box of the last mask, whatever its own mask; the alarm ends when there
    is less evidence in the last `window_s` than was needed to raise it. At 15 frames per second, the defaults ask for 8
    of 15 frames.

    Attributes:
        on: least probability of evidence for a new alarm.
        off: least probability of evidence that an alarm goes on.
        minimum_pixels: least area of the mask, in pixels; an empty mask never raises an alarm.
        minimum_share: least area of the mask, as a share of the picture; the larger of the two counts.
        window_s: how far back evidence counts.
        persistence: share of the window's frames that must be evidence; above 0, at most 1.
        refractory_s: after the last evidence of an alarm, no other one is raised for so long. What still lasts then
            raises one at once.
    """

    on: float = 0.5
    off: float = 0.3
    minimum_pixels: int = 0
    minimum_share: float = 0.0
    window_s: float = 1.0
    persistence: float = 0.5
    refractory_s: float = 10.0

    def __post_init__(self) -> None:
        check_shares(self, "alarm", "on", "off", "minimum_share", "persistence")
        check_hysteresis(self, "off", "on", "alarm")
        check_least(self, "minimum_pixels", 0, "alarm")
        if self.persistence == 0:
            raise UserError("alarm: persistence is 0, which would raise an alarm without evidence: raise it")
        for name in ("window_s", "refractory_s"):
            if not 0 <= getattr(self, name) <= LONGEST_S:
                raise UserError(
                    f"alarm: {name} is {getattr(self, name)}, it must lie between 0 and {LONGEST_S} seconds"
                )

    def frames(self, frames_per_second: float) -> tuple[int, int]:
        """Returns K and N: K of N frames must be evidence. N is at least 1."""
        window = max(1, round(self.window_s * frames_per_second))
        return max(1, ceil(self.persistence * window - 1e-9)), window  # 0.55 * 20 is a little more than 11


def alarm_config(text: str | None, rule: MaskRule) -> AlarmConfig:
    """Returns the settings in a text such as "window_s=2,persistence=0.8"; UserError for any other text.

    What it does not set has its default. `on` and `off` then are the thresholds of the rule that makes the masks,
    `high` and `low` of a confidence gate, which may have been calibrated.
    """
    gate = {"on": rule.high, "off": rule.low} if isinstance(rule, ConfidenceGate) else {}
    settings: dict[str, Any] = parse_settings(text or "", "alarm")
    if "on" in settings and "off" not in settings and gate:
        gate["off"] = min(gate["off"], settings["on"])
    if "off" in settings and "on" not in settings and gate:
        gate["on"] = max(gate["on"], settings["off"])
    return with_settings(AlarmConfig(), {**gate, **settings}, "alarm")


class Ending(StrEnum):
    """Why an alarm is no longer on."""

    GAS_GONE = "gas gone"
    CAMERA_MOVED = "camera moved"
    VIDEO_ENDED = "video ended"


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One alarm, as far as it is known.

    Attributes:
        number: from 1, in the order of the video.
        start_frame, start_s: first of the evidence that raised it.
        raised_frame, raised_s: when there was enough of it.
        end_frame, end_s: last evidence so far.
        peak_frame, peak_s: of the largest mask, the first of equal ones.
        peak_area_px, peak_area_share, peak_box: that mask's area in pixels, as a share of the picture, and its box.
        peak_probability: largest of all its evidence.
        ended_by: None while it is on.
    """

    number: int
    start_frame: int
    start_s: float
    raised_frame: int
    raised_s: float
    end_frame: int
    end_s: float
    peak_frame: int
    peak_s: float
    peak_area_px: int
    peak_area_share: float
    peak_box: Box | None
    peak_probability: float
    ended_by: Ending | None = None

    def with_evidence(self, row: FrameRow, probability: float) -> "Alarm":
        """Returns the alarm with a later frame, in which its gas has that probability."""
        longer = replace(
            self,
            end_frame=row.frame,
            end_s=row.time_s,
            peak_probability=max(self.peak_probability, probability),
        )
        return replace(longer, **_peak(row)) if row.area_px > self.peak_area_px else longer

    def to_json(self) -> dict[str, Any]:
        """Returns the alarm as JSON's types."""
        ending = None if self.ended_by is None else str(self.ended_by)
        box = None if self.peak_box is None else self.peak_box._asdict()
        return {**asdict(self), "peak_box": box, "ended_by": ending}


class AlarmStep(NamedTuple):
    """What one frame did."""

    alarm: Alarm | None  # that is on after this frame
    raised: bool = False  # by this frame
    ended: Alarm | None = None  # by this frame
    armed: bool = False  # whether evidence enough, up to this frame, would have raised one


class AlarmStream:
    """The alarms of one video, frame by frame; no frame changes what was said before it."""

    def __init__(self, config: AlarmConfig, frames_per_second: float) -> None:
        """Starts a video."""
        self._config = config
        self._needed, window = config.frames(frames_per_second)
        self._window: deque[FrameRow | None] = deque(maxlen=window)  # None for a frame that is no evidence
        self._place: Box | None = None
        self._alarm: Alarm | None = None
        self._raised = 0
        self._last_evidence_s = -inf

    @property
    def place(self) -> Box | None:
        """Where the gas of the alarm that is on was last seen: the box of its last mask. None without an alarm."""
        return self._place

    def push(self, row: FrameRow, *, remaining: float = 0.0, suspended: bool = False) -> AlarmStep:
        """Returns what the next frame did.

        Args:
            row: of the frame.
            remaining: the largest probability at the `place` before this frame, while an alarm is on.
            suspended: whether the frame ends an alarm and may raise none, nor together with frames before it.
        """
        if suspended:
            return AlarmStep(None, ended=self._end(Ending.CAMERA_MOVED))
        begins = self._begins(row)
        if self._alarm is None:
            self._window.append(row if begins else None)
            return self._watch(row)
        goes_on = begins or remaining >= self._config.off
        self._window.append(row if goes_on else None)
        if goes_on:
            self._alarm = self._alarm.with_evidence(row, row.max_probability if begins else remaining)
            self._place = row.box or self._place
        if len(self._evidence()) < self._needed:
            return AlarmStep(None, ended=self._end(Ending.GAS_GONE))
        return AlarmStep(self._alarm)

    def finish(self) -> Alarm | None:
        """Ends the video; returns the alarm that was on."""
        return self._end(Ending.VIDEO_ENDED)

    def _watch(self, row: FrameRow) -> AlarmStep:
        if len(self._window) < self._needed or row.time_s < self._last_evidence_s + self._config.refractory_s:
            return AlarmStep(None)
        evidence = self._evidence()
        if len(evidence) < self._needed:
            return AlarmStep(None, armed=True)
        self._raised += 1
        self._alarm = _first_evidence(self._raised, evidence[0], row)
        for later in evidence[1:]:
            self._alarm = self._alarm.with_evidence(later, later.max_probability)
        self._place = evidence[-1].box
        return AlarmStep(self._alarm, raised=True, armed=True)

    def _end(self, ending: Ending) -> Alarm | None:
        self._window.clear()
        self._place = None
        if self._alarm is None:
            return None
        ended, self._alarm = replace(self._alarm, ended_by=ending), None
        self._last_evidence_s = ended.end_s
        return ended

    def _begins(self, row: FrameRow) -> bool:
        large = row.area_px >= max(self._config.minimum_pixels, 1) and row.area_share >= self._config.minimum_share
        return large and row.max_probability >= self._config.on

    def _evidence(self) -> list[FrameRow]:
        return [row for row in self._window if row is not None]


def _first_evidence(number: int, first: FrameRow, raised: FrameRow) -> Alarm:
    return Alarm(
        number=number,
        start_frame=first.frame,
        start_s=first.time_s,
        raised_frame=raised.frame,
        raised_s=raised.time_s,
        end_frame=first.frame,
        end_s=first.time_s,
        peak_probability=first.max_probability,
        **_peak(first),
    )


def _peak(row: FrameRow) -> dict[str, Any]:
    return {
        "peak_frame": row.frame,
        "peak_s": row.time_s,
        "peak_area_px": row.area_px,
        "peak_area_share": row.area_share,
        "peak_box": row.box,
    }
