"""Chooses a confidence gate by the alarms it raises on footage without a leak: few enough, with a stated confidence."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32
from scipy.stats import chi2
from tqdm import tqdm

from jvlgs_jax.data.gain import Frame
from jvlgs_jax.data.video import Video
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.alarms import alarm_config
from jvlgs_jax.inference.camera_motion import CameraMotion, CameraMotionConfig
from jvlgs_jax.inference.postprocess import ConfidenceGate, describe_rule
from jvlgs_jax.inference.watching import News, WatchConfig, Watcher

HIGHS = (0.02, *(round(0.05 * step, 2) for step in range(1, 19)), 0.93, 0.95, 0.97, 0.98, 0.99, 0.995)


@runtime_checkable
class ViewProbabilitySource(Protocol):
    """Gives gas probabilities for the frames of one video whose camera may turn, as `inference.segmenter.Segmenter`."""

    def probabilities(
        self, frames: Iterable[Frame], *, starts_view: Callable[[Frame], bool]
    ) -> Iterator[Float32[np.ndarray, "h w"]]:
        """Yields one map for each frame, in order; asks `starts_view` of each, in order, before it answers for it."""
        ...


@dataclass(frozen=True, kw_only=True)
class FalseAlarmLimit:
    """What is asked of a gate: that it raises so few false alarms, with so much confidence.

    Attributes:
        per_hour: the largest rate of false alarms.
        confidence: probability, over footage like this, that the rate of a gate that is let through keeps the limit.
        alarm: settings of `predict --alarm` that the alarms are raised with; None: the defaults.
    """

    per_hour: float = 1.0
    confidence: float = 0.95
    alarm: str | None = None

    def __post_init__(self) -> None:
        if not self.per_hour > 0:
            raise UserError(f"the false-alarm limit is {self.per_hour} an hour, it must be above 0: no footage shows 0")
        if not 0 < self.confidence < 1:
            raise UserError(f"the confidence is {self.confidence}, it must lie between 0 and 1, such as 0.95")

    @property
    def least_hours(self) -> float:
        """Hours of footage without a single alarm that it takes: 3 / `per_hour` at 95 %."""
        return poisson_upper_bound(0, 1.0, self.confidence) / self.per_hour


class GateAlarms(NamedTuple):
    """A gate, the alarms it raised, and the upper confidence bound of its rate an hour."""

    gate: ConfidenceGate
    alarms: int
    bound: float


@dataclass(frozen=True, kw_only=True)
class LeakFreeCalibration:
    """The chosen gate, and what every gate did.

    Attributes:
        chosen: the most sensitive gate that keeps the limit.
        trials: all of them, the most sensitive first.
        hours: of footage in which alarms could be raised: while the camera stood.
        limit: that was asked for.
        videos: names of the footage.
    """

    chosen: GateAlarms
    trials: Sequence[GateAlarms]
    hours: float
    limit: FalseAlarmLimit
    videos: Sequence[str] = field(default_factory=tuple)

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON's types."""
        return {
            "kind": "leak_free",
            **asdict(self.limit),
            "hours": round(self.hours, 4),
            "alarms": self.chosen.alarms,
            "bound_per_hour": round(self.chosen.bound, 4),
            "rule": describe_rule(self.chosen.gate),
            "videos": list(self.videos),
            "trials": [[trial.gate.high, trial.alarms, round(trial.bound, 4)] for trial in self.trials],
        }


def poisson_upper_bound(count: int, hours: float, confidence: float) -> float:
    """Returns the exact (Garwood) upper bound of a Poisson rate an hour; after no event it is -log(1 - c) / hours.

    With a larger rate, so few events would be seen with a probability of 1 - confidence at most.
    """
    return float(chi2.ppf(confidence, 2 * (count + 1))) / 2 / hours


def calibrate_leak_free(
    segmenter: ViewProbabilitySource,
    videos: Iterable[Video],
    limit: FalseAlarmLimit,
    *,
    base: ConfidenceGate | None = None,
    highs: Sequence[float] = HIGHS,
) -> LeakFreeCalibration:
    """Returns the gate with the lowest thresholds of those whose rate of alarms keeps the limit.

    The alarms are those that `predict` would raise. Gates are tried from the highest threshold down, and the first one
    whose bound exceeds the limit ends the search: tests in an order that was fixed before need no correction for their
    number (Maurer, Hothorn and Lehmacher 1995), so that the confidence holds for the gate chosen, whichever it is. It
    takes alarms for independent of one another: footage of one day says nothing of other weather.

    Args:
        segmenter: the model.
        videos: of places like those to be watched, without any leak.
        limit: what is asked for.
        base: all other settings of the gate; `low` keeps its ratio to `high`.
        highs: the thresholds to try.

    UserError where not even the highest threshold keeps the limit, naming what would.
    """
    base = base or ConfidenceGate()
    gates = [replace(base, high=high, low=round(high * base.low / base.high, 6)) for high in sorted(highs)]
    counts, seconds, names = [0] * len(gates), 0.0, []
    for video in videos:
        names.append(str(video.path))
        tallies, standing = _count_alarms(segmenter, video, gates, limit.alarm)
        counts = [count + more for count, more in zip(counts, tallies, strict=True)]
        seconds += standing / video.frames_per_second
    hours = seconds / 3600
    if hours == 0:
        raise UserError("nothing to calibrate on: the camera moves in all of this footage: record some where it stands")
    trials = [
        GateAlarms(gate, count, poisson_upper_bound(count, hours, limit.confidence))
        for gate, count in zip(gates, counts, strict=True)
    ]
    chosen = None
    for trial in reversed(trials):
        if trial.bound > limit.per_hour:
            break
        chosen = trial
    if chosen is None:
        raise UserError(_refusal(trials[-1], hours, limit))
    return LeakFreeCalibration(chosen=chosen, trials=trials, hours=hours, limit=limit, videos=tuple(names))


def _refusal(strictest: GateAlarms, hours: float, limit: FalseAlarmLimit) -> str:
    asked = f"{limit.per_hour:g} false alarms an hour cannot be promised at {limit.confidence:.0%}"
    if hours < limit.least_hours:
        return (
            f"{asked} from {hours:.2f} h of footage: even without an alarm that takes {limit.least_hours:.2f} h: "
            "record more, or raise the limit"
        )
    return (
        f"{asked}: with the highest threshold, {strictest.gate.high:g}, {strictest.alarms} alarms were raised in "
        f"{hours:.2f} h, and the rate may be {strictest.bound:.2f}: raise the limit, or see what they show"
    )


def _count_alarms(
    segmenter: ViewProbabilitySource, video: Video, gates: Sequence[ConfidenceGate], alarm: str | None
) -> tuple[list[int], int]:
    """Returns how many alarms each gate raises, and in how many frames the camera stood."""
    configs = [WatchConfig(rule=gate, alarm=alarm_config(alarm, gate)) for gate in gates]
    watchers = [Watcher(config, video.frames_per_second) for config in configs]
    camera = CameraMotion(CameraMotionConfig(), video.frames_per_second)  # the same for all
    moved: list[bool] = []
    counts, standing = [0] * len(gates), 0

    def starts_view(frame: Frame) -> bool:
        moved.append(camera.push(frame))
        return camera.starts_view

    frames = tqdm(video, total=video.frame_count or None, desc=f"calibrate {video.name}", unit=" frames", disable=None)
    for probability in segmenter.probabilities(frames, starts_view=starts_view):
        moves = moved.pop(0)
        standing += not moves
        for index, watcher in enumerate(watchers):
            seen = watcher.judge(probability, moved=moves)
            counts[index] += sum(event.news is News.ALARM_RAISED for event in seen.events)
    return counts, standing
