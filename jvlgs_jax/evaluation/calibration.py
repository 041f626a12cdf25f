"""Chooses a confidence gate by what it does on labelled videos: the most overlap that few false alarms allow."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import fsum
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8
from tqdm import tqdm

from jvlgs_jax.data.scene import Scene
from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.evaluator import ProbabilitySource
from jvlgs_jax.evaluation.reliability import Reliability, ReliabilityTally
from jvlgs_jax.inference.evidence import Evidence, EvidenceStream
from jvlgs_jax.inference.morphology import opening
from jvlgs_jax.inference.postprocess import ConfidenceGate, MaskVote, describe_rule


@dataclass(frozen=True, kw_only=True)
class GateGrid:
    """The gates to choose from: every combination with low <= high, in this order; other settings are the base's."""

    low: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    high: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
    vote_frames: tuple[int, ...] = (1, 3, 5, 9)
    minimum_share: tuple[float, ...] = (0.0, 0.0005, 0.001)
    kernel: tuple[int, ...] = (9, 5)
    base: ConfidenceGate = field(default_factory=ConfidenceGate)

    def gates(self) -> list[ConfidenceGate]:
        """Returns the gates."""
        return [
            replace(self.base, low=low, high=high, vote_frames=vote, minimum_share=share, kernel=kernel)
            for low, high, kernel, share, vote in product(
                self.low, self.high, self.kernel, self.minimum_share, self.vote_frames
            )
            if low <= high
        ]


@dataclass(frozen=True, kw_only=True)
class GateTrial:
    """A gate with its J (the `jvlgs` convention, mean over videos with gas) and its share of false alarms.

    What a gate does in videos without any gas counts as false alarms only: in J, one alarm would cost a whole video.
    """

    gate: ConfidenceGate
    j: float
    false_alarm_rate: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The chosen gate, what every gate of the grid does, and whether the probabilities mean what they say."""

    chosen: GateTrial
    trials: Sequence[GateTrial]
    reliability: Reliability

    def to_json(self) -> dict[str, Any]:
        """Returns the outcome as JSON's types."""
        return {
            "kind": "labelled",
            "rule": describe_rule(self.chosen.gate),
            "j": round(self.chosen.j, 6),
            "false_alarm_rate": round(self.chosen.false_alarm_rate, 6),
            "calibration_error": round(self.reliability.calibration_error, 6),
            "frontier": [
                {
                    "rule": describe_rule(trial.gate),
                    "j": round(trial.j, 6),
                    "false_alarm_rate": round(trial.false_alarm_rate, 6),
                }
                for trial in self.frontier
            ],
        }

    @property
    def frontier(self) -> list[GateTrial]:
        """What another limit of false alarms would have chosen: from the fewest, each with a higher J than before."""
        best: list[GateTrial] = []
        for trial in sorted(self.trials, key=lambda trial: (trial.false_alarm_rate, -trial.j)):
            if not best or trial.j > best[-1].j:
                best.append(trial)
        return best


def calibrate(
    segmenter: ProbabilitySource,
    scenes: Iterable[Scene],
    *,
    max_false_alarms: float = 0.01,
    grid: GateGrid | None = None,
) -> Calibration:
    """Returns the gate with the highest J of those with false alarms on at most a share of the leak-free frames.

    Of gates of equal J, that with fewer false alarms is taken, then the first of the grid. The scenes should be
    validation scenes, which neither trained the network nor test it. Each frame is segmented once; of a video only as
    many masks are kept as the longest vote needs.

    Args:
        segmenter: the model.
        scenes: labelled; some frames must show gas and some must not.
        max_false_alarms: the largest share of leak-free frames, of all scenes together, with a mask.
        grid: the gates to choose from.

    UserError where no gate keeps the limit, naming the lowest share that one reaches, for scenes without truth, and
    where frames with gas, or without, are missing.
    """
    if not 0 <= max_false_alarms <= 1:
        raise UserError(f"max_false_alarms is {max_false_alarms}, it must lie between 0 and 1")
    gates = (grid or GateGrid()).gates()
    tallies = [_Tally() for _ in gates]
    reliability = ReliabilityTally()
    for scene in scenes:
        if scene.truth is None:
            raise UserError(f"scene {scene.name}: no truth to calibrate on: leave it out")
        frames = tqdm(scene.frames, desc=f"calibrate {scene.name}", unit="frame", leave=False, disable=None)
        masks = _GridMasks(gates)
        for probability, truth in zip(segmenter.probabilities(frames), scene.truth, strict=True):
            gas = truth > 0
            area = int(np.count_nonzero(gas))
            reliability.add(probability, gas)
            for tally, mask in zip(tallies, masks.push(probability), strict=True):
                tally.add(mask, gas, area)
        for tally in tallies:
            tally.end_scene()
    if not tallies[0].leak_free_frames or not tallies[0].leak_frames:
        kind = "without gas" if tallies[0].leak_frames else "with gas"
        raise UserError(f"nothing to calibrate on: no frame {kind} in these scenes: add some")
    trials = [
        GateTrial(gate=gate, j=tally.j, false_alarm_rate=tally.false_alarms / tally.leak_free_frames)
        for gate, tally in zip(gates, tallies, strict=True)
    ]
    allowed = [trial for trial in trials if trial.false_alarm_rate <= max_false_alarms]
    if not allowed:
        least = min(trial.false_alarm_rate for trial in trials)
        raise UserError(
            f"no gate raises false alarms on at most {max_false_alarms:.2%} of the leak-free frames, the least is "
            f"{least:.2%}: raise the limit or train on"
        )
    chosen = max(allowed, key=lambda trial: (trial.j, -trial.false_alarm_rate))  # the first of equals
    return Calibration(chosen=chosen, trials=trials, reliability=reliability.result())


class _GridMasks:
    """The masks of many gates for one video, as `ConfidenceGate` makes them.

    Gates of one `low` share the connected regions and their opening, which most of the time goes to: the opening of a
    union of separate regions is the union of their openings, as its ellipse is in one piece.
    """

    def __init__(self, gates: Sequence[ConfidenceGate]) -> None:
        (rates,) = {(gate.low_rate, gate.high_rate) for gate in gates}  # as they have one base
        self._evidence = EvidenceStream(*rates)
        self._gates = [(gate, MaskVote(gate.vote_frames)) for gate in gates]

    def push(self, probability: np.ndarray) -> Iterator[UInt8[np.ndarray, "h w"]]:
        """Yields the mask of the next frame for each gate, in order."""
        evidence = self._evidence.push(probability)
        regions: dict[tuple[float, int], _OpenedRegions] = {}
        made: dict[ConfidenceGate, np.ndarray] = {}
        for gate, vote in self._gates:
            key, alone = (gate.low, gate.kernel), replace(gate, vote_frames=1)
            if key not in regions:
                regions[key] = _OpenedRegions(evidence, *key)
            if alone not in made:
                made[alone] = regions[key].mask(gate)
            yield made[alone] if gate.vote_frames == 1 else vote.push(made[alone])


class _OpenedRegions:
    """What is left of a frame's regions above `low` after their opening, in connected parts."""

    def __init__(self, evidence: Evidence, low: float, kernel: int) -> None:
        self._highest = evidence.high.max()
        above = (evidence.low > low).astype(np.uint8)
        count, regions = cv2.connectedComponents(above)
        inside = above > 0
        peaks = np.zeros(count, np.float32)
        np.maximum.at(peaks, regions[inside].astype(np.intp), evidence.high[inside])
        parts, self._parts, statistics, _ = cv2.connectedComponentsWithStats(opening(above, kernel))
        self._areas = statistics[:, cv2.CC_STAT_AREA]
        region_of = np.zeros(parts, np.intp)
        region_of[self._parts] = regions  # a part lies in one region; the background's entry is not used
        self._peaks = peaks[region_of]
        self._made: dict[bytes, np.ndarray] = {}  # masks by what they keep: most gates keep the same

    def mask(self, gate: ConfidenceGate) -> UInt8[np.ndarray, "h w"]:
        """The mask of a gate of this `low` and kernel, before its vote."""
        least = max(gate.minimum_pixels, gate.minimum_share * self._parts.size)
        kept = (self._peaks > gate.high) & (self._areas >= least) & (self._highest >= gate.frame_confidence)
        kept[0] = False  # the background
        key = kept.tobytes()
        if key not in self._made:
            self._made[key] = kept.astype(np.uint8)[self._parts]
        return self._made[key]


class _Tally:
    """What one gate has done so far; IoU is summed by video."""

    def __init__(self) -> None:
        self.leak_frames = self.leak_free_frames = self.false_alarms = 0
        self._video: list[float] = []
        self._has_gas = False  # this video
        self._videos: list[float] = []

    def add(self, mask: np.ndarray, gas: np.ndarray, area: int) -> None:
        predicted = int(np.count_nonzero(mask))
        self.leak_frames += area > 0
        self._has_gas |= area > 0
        self.leak_free_frames += area == 0
        self.false_alarms += predicted > 0 and area == 0
        if predicted or area:
            both = int(np.count_nonzero(mask & gas)) if predicted and area else 0
            self._video.append(both / (predicted + area - both))

    def end_scene(self) -> None:
        if self._has_gas:
            self._videos.append(fsum(self._video) / len(self._video))
        self._video, self._has_gas = [], False

    @property
    def j(self) -> float:
        return fsum(self._videos) / len(self._videos) if self._videos else 0.0
