"""What someone who watches a plant asks and no published convention answers; J is that of `conventions.jvlgs`."""

from collections.abc import Iterable, Mapping
from math import fsum, nan
from typing import NamedTuple

from jvlgs_jax.evaluation.records import FrameRecord

SMALL_SHARE = 0.01  # of the image: a plume below it is small
SECONDS_AN_HOUR = 3600


class LeakFreeFootage(NamedTuple):
    """How much footage shows no gas, and how often an alarm was raised in it."""

    hours: float
    alarms: int

    @property
    def alarms_per_hour(self) -> float:
        """The false alarms an hour; nan without leak-free footage."""
        return self.alarms / self.hours if self.hours else nan


def leak_free_footage(records: Iterable[FrameRecord], frames_per_second: Mapping[str, float]) -> LeakFreeFootage:
    """Counts false alarms as a watchman hears them: frames in a row with an alarm and without gas are one alarm.

    Args:
        records: of any number of scenes, each scene's in order.
        frames_per_second: of each scene, by name.
    """
    seconds: list[float] = []
    alarms = 0
    before: FrameRecord | None = None
    ringing = False
    for record in records:
        follows = before is not None and (before.scene, before.frame + 1) == (record.scene, record.frame)
        false_alarm = not record.truth_area and record.predicted_area > 0
        alarms += false_alarm and not (ringing and follows)
        ringing, before = false_alarm, record
        if not record.truth_area:
            seconds.append(1 / frames_per_second[record.scene])
    return LeakFreeFootage(hours=fsum(seconds) / SECONDS_AN_HOUR, alarms=alarms)


class SmallPlumes(NamedTuple):
    """J on frames whose gas covers little of the image, and how many scenes have such frames."""

    j: float
    scenes: int


def small_plumes(records: Iterable[FrameRecord]) -> SmallPlumes:
    """IoU of the frames with gas on less than 1 % of the image: mean over frames, then over scenes that have some."""
    overlaps: dict[str, list[float]] = {}
    for record in records:
        pixels = record.truth_area + record.fp + record.tn
        if 0 < record.truth_area < SMALL_SHARE * pixels:
            overlaps.setdefault(record.scene, []).append(record.tp / (record.truth_area + record.fp))
    means = [fsum(values) / len(values) for values in overlaps.values()]
    return SmallPlumes(j=fsum(means) / len(means) if means else nan, scenes=len(means))
