"""What the printed numbers mean: one function a convention, from the same per-frame records.

J is intersection over union and F is the Dice coefficient (pixel F1), except in `davis`, whose F compares outlines.
"Empty" is a mask without a pixel. All means weigh their terms equally and do not depend on the order of the records. A
mean of nothing is nan, printed as "n/a".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, isnan, nan
from typing import ClassVar

from jvlgs_jax.evaluation.boundary import boundary_f
from jvlgs_jax.evaluation.records import FrameRecord


@dataclass(frozen=True, kw_only=True)
class RegionScore:
    """J and F of one part of the data (a scene or a fold), and the frames behind them."""

    j: float
    f: float
    frames: int


@dataclass(frozen=True, kw_only=True)
class JvlgsScore:
    """See `jvlgs`; `parts` holds each fold by name."""

    convention: ClassVar[str] = "jvlgs"
    j: float
    f: float
    frames: int
    dropped_frames: int
    parts: Mapping[str, RegionScore]

    def __str__(self) -> str:
        return (
            f"jvlgs: J {_number(self.j)}  F {_number(self.f)}  (frame IoU and Dice, mean over {self.frames} frames, "
            f"then over {len(self.parts)} folds; {self.dropped_frames} frames empty in both dropped)"
        )


def jvlgs(records: Iterable[FrameRecord], folds: Mapping[str, str] | None = None) -> JvlgsScore:
    """The convention of the published JVLGS table.

    IoU and Dice of each frame; frames with empty truth and empty prediction are dropped; a prediction on a leak-free
    frame scores 0, as does a missed leak. The mean is taken over all frames of a fold, then over folds; folds without a
    scored frame are left out.

    Args:
        records: of any number of scenes.
        folds: the fold of each scene, by the scene's name. By default each scene is a fold of its own, so that the mean
            is over frames, then over scenes, and `parts` is the table of scenes.
    """
    records = list(records)
    scored = [record for record in records if record.predicted_area or record.truth_area]
    parts = {
        name: RegionScore(j=_mean(map(_iou, rows)), f=_mean(map(_dice, rows)), frames=len(rows))
        for name, rows in _grouped(scored, folds).items()
    }
    return JvlgsScore(
        j=_mean(part.j for part in parts.values()),
        f=_mean(part.f for part in parts.values()),
        frames=len(scored),
        dropped_frames=len(records) - len(scored),
        parts=parts,
    )


@dataclass(frozen=True, kw_only=True)
class PooledScore:
    """J and F of the pooled pixels of a scene (nan without a pixel), and the share of frames rightly called leaking."""

    j: float
    f: float
    frame_accuracy: float
    frames: int


@dataclass(frozen=True, kw_only=True)
class LanggasScore:
    """See `langgas`; `parts` holds each scene by name."""

    convention: ClassVar[str] = "langgas"
    j: float
    f: float
    frame_accuracy: float
    frames: int
    parts: Mapping[str, PooledScore]

    def __str__(self) -> str:
        return (
            f"langgas: J {_number(self.j)}  F {_number(self.f)}  frame accuracy {_number(self.frame_accuracy)}  "
            f"(pixels pooled over every {LANGGAS_STRIDE}th frame of a scene, {self.frames} in all, mean over "
            f"{len(self.parts)} scenes)"
        )


LANGGAS_STRIDE = 5


def langgas(records: Iterable[FrameRecord]) -> LanggasScore:
    """The convention of LangGas: frames 0, 5, 10, ...; pixel counts pooled over a scene, then the mean over scenes.

    A scene whose counted frames are empty in both truth and prediction has no J or F and is left out of their means.
    Frame accuracy is the share of the frames on which prediction and truth agree about being empty, by scene, then the
    mean over scenes.
    """
    counted = [record for record in records if record.frame % LANGGAS_STRIDE == 0]
    parts = {name: _pooled(rows) for name, rows in _grouped(counted).items()}
    return LanggasScore(
        j=_mean(part.j for part in parts.values() if not isnan(part.j)),
        f=_mean(part.f for part in parts.values() if not isnan(part.f)),
        frame_accuracy=_mean(part.frame_accuracy for part in parts.values()),
        frames=len(counted),
        parts=parts,
    )


@dataclass(frozen=True, kw_only=True)
class DavisScore:
    """See `davis`; `parts` holds each scene by name."""

    convention: ClassVar[str] = "davis"
    j: float
    f: float
    frames: int
    parts: Mapping[str, RegionScore]

    def __str__(self) -> str:
        return (
            f"davis: J {_number(self.j)}  F {_number(self.f)}  (frame IoU with 1 where both are empty, boundary F; "
            f"mean over all {self.frames} frames, then over {len(self.parts)} scenes)"
        )


def davis(records: Iterable[FrameRecord]) -> DavisScore:
    """The convention of the DAVIS benchmark: IoU and boundary F of every frame, mean over frames, then over scenes.

    A frame empty in both truth and prediction scores 1 in both; see `boundary.boundary_f` for F.
    """
    records = list(records)
    parts = {
        name: RegionScore(
            j=_mean(_iou(row) if row.predicted_area or row.truth_area else 1.0 for row in rows),
            f=_mean(boundary_f(row.boundary) for row in rows),
            frames=len(rows),
        )
        for name, rows in _grouped(records).items()
    }
    return DavisScore(
        j=_mean(part.j for part in parts.values()),
        f=_mean(part.f for part in parts.values()),
        frames=len(records),
        parts=parts,
    )


@dataclass(frozen=True, kw_only=True)
class SceneAlarms:
    """What the alarms of one scene were worth; latency is None without a leak, or where it was never detected."""

    leak_frames: int
    detected_frames: int
    leak_free_frames: int
    false_alarms: int
    onset_latency: int | None


@dataclass(frozen=True, kw_only=True)
class AlarmScore:
    """See `alarms`; `parts` holds each scene by name."""

    convention: ClassVar[str] = "alarms"
    false_alarm_rate: float
    detection_rate: float
    onset_latency: float
    leak_free_frames: int
    leak_frames: int
    missed_scenes: int
    parts: Mapping[str, SceneAlarms]

    def __str__(self) -> str:
        return (
            f"alarms: false alarms {_number(self.false_alarm_rate)} of {self.leak_free_frames} leak-free frames  "
            f"detected {_number(self.detection_rate)} of {self.leak_frames} leak frames  onset latency "
            f"{_number(self.onset_latency, 1)} frames  (a detection overlaps the truth; {self.missed_scenes} scenes "
            "never detected)"
        )


def alarms(records: Iterable[FrameRecord]) -> AlarmScore:
    """How often it cries wolf, and how soon it sees a leak.

    - false-alarm rate: the share of all frames with empty truth on which the prediction is not empty;
    - detection rate: the share of all frames with gas on which the prediction overlaps the truth. A prediction beside
      the gas would ring the same alarm, but did not see the leak;
    - onset latency: frames from a scene's first frame with gas to its first overlap, 0 if at once; the mean over the
      scenes that were ever detected. `missed_scenes` counts those with gas that never were: read the two together.

    Rates pool the frames of all scenes.
    """
    parts = {name: _scene_alarms(rows) for name, rows in _grouped(records).items()}
    leak_frames = sum(part.leak_frames for part in parts.values())
    leak_free_frames = sum(part.leak_free_frames for part in parts.values())
    return AlarmScore(
        false_alarm_rate=_share(sum(part.false_alarms for part in parts.values()), leak_free_frames),
        detection_rate=_share(sum(part.detected_frames for part in parts.values()), leak_frames),
        onset_latency=_mean(part.onset_latency for part in parts.values() if part.onset_latency is not None),
        leak_free_frames=leak_free_frames,
        leak_frames=leak_frames,
        missed_scenes=sum(part.leak_frames > 0 and part.onset_latency is None for part in parts.values()),
        parts=parts,
    )


def _pooled(rows: Sequence[FrameRecord]) -> PooledScore:
    tp, fp, fn = (sum(counts) for counts in zip(*((row.tp, row.fp, row.fn) for row in rows), strict=True))
    agreeing = sum((row.predicted_area > 0) == (row.truth_area > 0) for row in rows)
    return PooledScore(
        j=_share(tp, tp + fp + fn),
        f=_share(2 * tp, 2 * tp + fp + fn),
        frame_accuracy=_share(agreeing, len(rows)),
        frames=len(rows),
    )


def _scene_alarms(rows: Sequence[FrameRecord]) -> SceneAlarms:
    leaking = [row for row in rows if row.truth_area]
    leak_free = [row for row in rows if not row.truth_area]
    detected = [row for row in leaking if row.tp]
    latency = min(row.frame for row in detected) - min(row.frame for row in leaking) if detected else None
    return SceneAlarms(
        leak_frames=len(leaking),
        detected_frames=len(detected),
        leak_free_frames=len(leak_free),
        false_alarms=sum(row.predicted_area > 0 for row in leak_free),
        onset_latency=latency,
    )


def _grouped(records: Iterable[FrameRecord], folds: Mapping[str, str] | None = None) -> dict[str, list[FrameRecord]]:
    groups: dict[str, list[FrameRecord]] = {}
    for record in records:
        groups.setdefault(folds[record.scene] if folds else record.scene, []).append(record)
    return groups


def _iou(record: FrameRecord) -> float:
    return _share(record.tp, record.tp + record.fp + record.fn)


def _dice(record: FrameRecord) -> float:
    return _share(2 * record.tp, 2 * record.tp + record.fp + record.fn)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else nan


def _mean(values: Iterable[float]) -> float:
    terms = list(values)
    return fsum(terms) / len(terms) if terms else nan


def _number(value: float, digits: int = 3) -> str:
    return "n/a" if isnan(value) else f"{value:.{digits}f}"
