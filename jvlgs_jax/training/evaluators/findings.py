"""What an evaluator measures on, and what it finds."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.data.clips import ClipReader, MemoryReader
from jvlgs_jax.data.dataset import RecordedScenes
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.records import FrameRecord
from jvlgs_jax.evaluation.report import Scores
from jvlgs_jax.inference.postprocess import ConfidenceGate, MaskRule, mask_rule
from jvlgs_jax.interop.model_folder import ModelBundle
from jvlgs_jax.training.config import EvaluatorConfig

GATE = "confidence_gate"


class Picture(NamedTuple):
    """A frame with what the model sees in it, to look at."""

    name: str
    pixels: UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What one evaluator found.

    Attributes:
        metrics: all its numbers by name; nan where one is not defined.
        scores: of "frames": every convention's scores by method, the model and the baselines.
        records: of "frames": the records that the scores are made from, by method.
        pictures: of "frames": a few frames.
    """

    metrics: Mapping[str, float]
    scores: Mapping[str, Scores] = field(default_factory=dict)
    records: Mapping[str, Sequence[FrameRecord]] = field(default_factory=dict)
    pictures: Sequence[Picture] = ()


@runtime_checkable
class Evaluator(Protocol):
    """Measures a model; called by all processes of a training together."""

    def __call__(self, bundle: ModelBundle, *, final: bool) -> Findings | None:
        """Returns what it finds, or None if it was interrupted; `final` at the end of a training.

        The arrays of the bundle's model, which is in evaluation mode, may be cut over the devices of all processes.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Labelled scenes that a training does not see.

    Attributes:
        test: what its scores are reported on; may be empty.
        validation: what the best checkpoint is chosen by.
        gate: the settings of the rule "confidence_gate".
    """

    test: Sequence[Scene] = ()
    validation: Sequence[Scene] = ()
    gate: ConfidenceGate = field(default_factory=ConfidenceGate)

    def part(self, config: EvaluatorConfig) -> Sequence[Scene]:
        """Returns all scenes of an evaluator's part of the data."""
        return self.validation if config.part == "validation" else self.test

    def numbers(self, config: EvaluatorConfig) -> list[int]:
        """Returns which scenes of its part an evaluator takes; UserError for names that no scene or group has."""
        scenes = self.part(config)
        infos = scenes.infos if isinstance(scenes, RecordedScenes) else scenes
        if not config.scenes:
            return list(range(len(infos)))
        known = sorted({scene.name for scene in infos} | {scene.group for scene in infos})
        for name in config.scenes:
            if name not in known:
                nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)
                hint = f"did you mean {nearest[0]!r}?" if nearest else f"that part has none; see data.{config.part}"
                raise UserError(f"train.evaluators: {config.name} has no {config.part} scene or group {name!r}: {hint}")
        return [i for i, scene in enumerate(infos) if {scene.name, scene.group} & set(config.scenes)]

    def reader(self, config: EvaluatorConfig, planes: str) -> ClipReader:
        """Returns the scenes that an evaluator takes, to read clips of."""
        scenes, numbers = self.part(config), self.numbers(config)
        if isinstance(scenes, RecordedScenes):
            return scenes.reader.subset(numbers)
        return MemoryReader([scenes[i] for i in numbers], input_planes(planes))

    def rule(self, config: EvaluatorConfig) -> MaskRule:
        """Returns an evaluator's rule from probabilities to masks."""
        return self.gate if config.rule == GATE else mask_rule(config.rule)
