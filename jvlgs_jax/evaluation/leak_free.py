"""Chooses a confidence gate by the alarms it raises on footage without a leak: few enough, with a stated confidence."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import inf
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64
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
        if not 0 < self.per_hour < inf:
            raise UserError(
                f"the false-alarm limit is {self.per_hour} an hour, it must be a number above 0: no footage shows 0"
            )
        if not 0 < self.confidence < 1:
            raise UserError(f"the confidence is {self.confidence}, it must lie between 0 and 1, such as 0.95")

    @property
    def least_hours(self) -> float:
        """Hours in which an alarm could be raised, and none was, that it takes: 3 / `per_hour` at 95 %."""
        return poisson_upper_bound(0, 1.0, self.confidence) / self.per_hour


class GateAlarms(NamedTuple):
    """A gate and the alarms it raised.

    Attributes:
        gate: the gate.
        alarms: how many it raised.
        hours: in which it could raise one (`watching.Observation.armed`). While an alarm is on, and in the refractory
            time after it, it cannot, so that a gate that is always in alarm has next to none.
        bound: upper confidence bound of its rate in such hours.
    """

    gate: ConfidenceGate
    alarms: int
    hours: float
    bound: float

    @property
    def rate(self) -> float:
        """Alarms an hour as counted; infinite where it could raise none."""
        return self.alarms / self.hours if self.hours else inf

    @property
    def observed(self) -> str:
        """What was counted, in words."""
        alarms = f"{self.alarms} alarm{'' if self.alarms == 1 else 's'}"
        return f"{alarms} in {self.hours:.2f} h in which one could be raised"


@dataclass(frozen=True, kw_only=True)
class LeakFreeCalibration:
    """The chosen gate, and what every gate did.

    Attributes:
        chosen: the most sensitive gate that keeps the limit.
        trials: all of them, the most sensitive first.
        limit: that was asked for.
        videos: names of the footage.
    """

    chosen: GateAlarms
    trials: Sequence[GateAlarms]
    limit: FalseAlarmLimit
    videos: Sequence[str] = field(default_factory=tuple)

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON's types."""
        return {
            "kind": "leak_free",
            **asdict(self.limit),
            "hours": round(self.chosen.hours, 4),
            "alarms": self.chosen.alarms,
            "bound_per_hour": round(self.chosen.bound, 4),
            "rule": describe_rule(self.chosen.gate),
            "videos": list(self.videos),
            "trials": [
                [trial.gate.high, trial.alarms, round(trial.hours, 4), round(trial.bound, 4)] for trial in self.trials
            ],
        }


def poisson_upper_bound(count: int, hours: float, confidence: float) -> float:
    """Returns the exact (Garwood) upper bound of a Poisson rate an hour; after no event it is -log(1 - c) / hours.

    With a larger rate, so few events would be seen with a probability of 1 - confidence at most. That holds also where
    each event takes time, however long, out of `hours`. 0 hours bound nothing: the bound is infinite.
    """
    return float(chi2.ppf(confidence, 2 * (count + 1))) / 2 / hours if hours else inf


def calibrate_leak_free(
    segmenter: ViewProbabilitySource,
    videos: Iterable[Video],
    limit: FalseAlarmLimit,
    *,
    base: ConfidenceGate | None = None,
    highs: Sequence[float] = HIGHS,
) -> LeakFreeCalibration:
    """Returns the gate with the lowest thresholds of those whose rate of alarms keeps the limit.

    The alarms are those that `predict` would raise, and a gate's hours those in which it could raise one; over all of
    the time, alarms and refractory times with it, the rate is no larger. Gates are tried from the highest threshold
    down, and the first one whose bound exceeds the limit ends the search: tests in an order that was fixed before need
    no correction for their number (Maurer, Hothorn and Lehmacher 1995), so that the confidence holds for the gate
    chosen, whichever it is. It takes alarms for independent of one another: footage of one day says nothing of other
    weather.

    Args:
        segmenter: the model.
        videos: of places like those to be watched, without any leak.
        limit: what is asked for.
        base: all other settings of the gate; `low` keeps its ratio to `high`.
        highs: the thresholds to try.

    UserError where not even the highest threshold keeps the limit, naming what would, and where no alarm could be
    raised at all.
    """
    base = base or ConfidenceGate()
    gates = [replace(base, high=high, low=round(high * base.low / base.high, 6)) for high in sorted(highs)]
    alarms, seconds, names = np.zeros(len(gates), np.int64), np.zeros(len(gates)), []
    for video in videos:
        names.append(str(video.path))
        raised, armed = _count(segmenter, video, gates, limit.alarm)
        alarms, seconds = alarms + raised, seconds + armed / video.frames_per_second
    counted = zip(gates, alarms.tolist(), (seconds / 3600).tolist(), strict=True)
    trials = [
        GateAlarms(gate, count, hours, poisson_upper_bound(count, hours, limit.confidence))
        for gate, count, hours in counted
    ]
    if not trials[-1].hours:
        raise UserError(
            "nothing to calibrate on: no alarm could be raised in this footage, as the camera moves or the videos are "
            "shorter than what raises one (--alarm): record some longer ones where it stands"
        )
    chosen = None
    for trial in reversed(trials):
        if trial.bound > limit.per_hour:
            break
        chosen = trial
    if chosen is None:
        raise UserError(_refusal(trials[-1], limit))
    return LeakFreeCalibration(chosen=chosen, trials=trials, limit=limit, videos=tuple(names))


def _refusal(strictest: GateAlarms, limit: FalseAlarmLimit) -> str:
    asked = f"{limit.per_hour:g} false alarms an hour cannot be promised at {limit.confidence:.0%}"
    found = f"with the highest threshold, {strictest.gate.high:g}, there were {strictest.observed}"
    if strictest.alarms == 0:
        return f"{asked}: {found}, and it takes {limit.least_hours:.2f} h: record more, or raise the limit"
    rate = f"the rate may be {strictest.bound:.2f}"
    return f"{asked}: {found}, and {rate}: raise the limit, record more, or see what they show"


def _count(
    segmenter: ViewProbabilitySource, video: Video, gates: Sequence[ConfidenceGate], alarm: str | None
) -> tuple[Int64[np.ndarray, "gates"], Int64[np.ndarray, "gates"]]:
    """Returns how many alarms each gate raises, and in how many frames it could raise one."""
    configs = [WatchConfig(rule=gate, alarm=alarm_config(alarm, gate)) for gate in gates]
    watchers = [Watcher(config, video.frames_per_second) for config in configs]
    camera = CameraMotion(CameraMotionConfig(), video.frames_per_second)  # the same for all
    moved: list[bool] = []
    raised, armed = np.zeros(len(gates), np.int64), np.zeros(len(gates), np.int64)

    def starts_view(frame: Frame) -> bool:
        moved.append(camera.push(frame))
        return camera.starts_view

    frames = tqdm(video, total=video.frame_count or None, desc=f"calibrate {video.name}", unit=" frames", disable=None)
    for probability in segmenter.probabilities(frames, starts_view=starts_view):
        moves = moved.pop(0)
        for index, watcher in enumerate(watchers):
            seen = watcher.judge(probability, moved=moves)
            raised[index] += sum(event.news is News.ALARM_RAISED for event in seen.events)
            armed[index] += seen.armed
    return raised, armed
