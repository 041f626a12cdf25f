"""What a config says about a training: how long, how, what it is measured by and what is kept of it."""

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.postprocess import mask_rule
from jvlgs_jax.kernels.cross_attention.implementations import AUTO, find_implementation
from jvlgs_jax.models.pvt_v2 import REMAT_POLICIES
from jvlgs_jax.training.durations import in_steps, one_unit, positive
from jvlgs_jax.training.losses import loss_function
from jvlgs_jax.training.mesh import MeshConfig
from jvlgs_jax.training.optimizer import OptimizerConfig, make_optimizer
from jvlgs_jax.training.precision import compute_dtype
from jvlgs_jax.weights.shipped import model_folder

FRAME_METRICS = (
    "jvlgs_j",
    "jvlgs_f",
    "davis_j",
    "davis_f",
    "langgas_j",
    "langgas_frame_accuracy",
    "false_alarm_rate",
    "detection_rate",
    "onset_latency",
)
BATCH_METRICS = ("loss", "bce", "iou", "pooled_iou")
TASK_METRICS = ("loss_before", "loss", "pooled_iou_before", "pooled_iou")
METRICS = {"frames": FRAME_METRICS, "batches": BATCH_METRICS, "tasks": TASK_METRICS}
RECORDED = {
    "frames": ("jvlgs_j", "jvlgs_f", "false_alarm_rate", "detection_rate"),
    "batches": BATCH_METRICS,
    "tasks": TASK_METRICS,
}


@dataclass(frozen=True, kw_only=True)
class EvaluatorConfig:
    """One way to measure a training, on its own schedule and always at the end.

    Attributes:
        name: heads its metrics in the record, as in "test/jvlgs_j"; unique in a training.
        kind: "frames" runs the model over whole videos as `jvlgs predict` does and scores every frame at its own size;
            "batches" takes loss and pooled intersection over union at the network's size, much faster; "tasks", of
            meta-training, takes them on later clips of each scene, before and after adapting to earlier ones.
        part: the scenes: "test" are those that `data.split` holds out, "validation" those of `data.validation`.
        scenes: names of scenes or groups of that part; () is all of them.
        rule: of "frames", from probabilities to masks, see `postprocess.RULE_NAMES`; "confidence_gate" is that of the
            experiment.
        every: steps between evaluations; None, and no `every_epochs`: only at the end.
        every_epochs: the same in epochs.
        metrics: which of METRICS go to the record; () is a few of them, RECORDED. scores.json has them all.
        baselines: of "frames", at the end: score the classical detectors on the same scenes.
    """

    name: str = "test"
    kind: Literal["frames", "batches", "tasks"] = "frames"
    part: Literal["test", "validation"] = "test"
    scenes: tuple[str, ...] = ()
    rule: str = "confidence_gate"
    every: int | None = None
    every_epochs: float | None = None
    metrics: tuple[str, ...] = ()
    baselines: bool = False

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name:
            raise UserError(f"train.evaluators: {self.name!r} is no name: use a word without '/'")
        prefix = f"train.evaluators: {self.name}"
        one_unit(f"{prefix}.every", self.every, self.every_epochs)
        positive(f"{prefix}.every", self.every)
        positive(f"{prefix}.every_epochs", self.every_epochs)
        mask_rule(self.rule)
        for metric in self.metrics:
            if metric not in METRICS[self.kind]:
                choices = ", ".join(METRICS[self.kind])
                raise UserError(f"{prefix} has no metric {metric!r}: those of {self.kind!r} are {choices}")

    @property
    def recorded(self) -> tuple[str, ...]:
        """The metrics that go to the record."""
        return self.metrics or RECORDED[self.kind]


@dataclass(frozen=True, kw_only=True)
class SelectionConfig:
    """Which checkpoint is kept as the best, beside the last ones.

    Attributes:
        evaluator: name of the evaluator that decides, one with a schedule; None keeps no best. A checkpoint is saved
            whenever it runs. Let it score scenes that the reported numbers do not use.
        metric: of METRICS.
        goal: which value of it is best.
    """

    evaluator: str | None = None
    metric: str = "jvlgs_j"
    goal: Literal["highest", "lowest"] = "highest"


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long to train, from where, and what to keep.

    A training starts from the first of these that there is: the last checkpoint in its own workdir, `resume`,
    `init_from`, random weights.

    Attributes:
        steps: batches in all; give this or `epochs`.
        epochs: the same in epochs. An epoch is as many batches as the clips of the dataset itself, drawn once, fill.
        loss: "published" or "intended", see `losses`.
        optimizer: how parameters are changed.
        precision: of the network's arithmetic, "float32" or "bfloat16"; parameters are float32 in either.
        remat: what the video encoder's blocks keep for the gradient: "none" recomputes nothing, "full" all but their
            inputs, "dots" all but their inputs and linear layers. Less memory, more time, the same results.
        attention: how attention is computed: "auto" is what suits the devices, else one of
            `kernels.cross_attention.implementations.IMPLEMENTATIONS`.
        mesh: the devices; a checkpoint goes on with any other number of them, and of processes.
        evaluators: what the model is measured by.
        selection: which checkpoint is the best.
        save_every: steps between checkpoints.
        keep: checkpoints kept, the latest ones.
        log_every: steps between lines of timing.jsonl.
        resume: workdir of another training to go on from exactly: same data, same optimizer.
        init_from: folders of models, or of parts of the network, or names of models that come with the package, whose
            weights replace the random ones.
        init_only: what is taken of each folder, if not all: as many regular expressions of paths, as in
            "video_encoder/.*".
    """

    steps: int | None = None
    epochs: float | None = None
    loss: str = "published"
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    precision: str = "float32"
    remat: str = "none"
    attention: str = AUTO
    mesh: MeshConfig = field(default_factory=MeshConfig)
    evaluators: tuple[EvaluatorConfig, ...] = (EvaluatorConfig(baselines=True),)
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    save_every: int = 500
    keep: int = 2
    log_every: int = 10
    resume: str | None = None
    init_from: tuple[str, ...] = ()
    init_only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        one_unit("train.steps", self.steps, self.epochs)
        for name in ("steps", "epochs", "save_every", "keep", "log_every"):
            positive(f"train.{name}", getattr(self, name))
        loss_function(self.loss)
        compute_dtype(self.precision)
        if self.remat not in REMAT_POLICIES:
            raise UserError(f"unknown remat {self.remat!r}: the choices are {', '.join(REMAT_POLICIES)}")
        if self.attention != AUTO:
            find_implementation(self.attention)
        self._check_initial_weights()
        self._check_evaluators()
        if self.steps is not None and not self.optimizer.counts_epochs:
            make_optimizer(self.optimizer, self.steps)  # raises what only the two together show, before the slow start

    @property
    def initial_weights(self) -> tuple[tuple[Path, str], ...]:
        """The folders of `init_from`, each with the pattern of what is taken of it."""
        only = self.init_only or (".*",) * len(self.init_from)
        return tuple(zip(map(model_folder, self.init_from), only, strict=True))

    def _check_initial_weights(self) -> None:
        if self.init_only and len(self.init_only) != len(self.init_from):
            raise UserError(
                f"train.init_only holds {len(self.init_only)} patterns, but train.init_from {len(self.init_from)} "
                "folders: give one for each folder, or none"
            )
        for only in self.init_only:
            try:
                re.compile(only)
            except re.error as error:
                raise UserError(f"train.init_only holds {only!r}, which is no regular expression: {error}") from error

    def _check_evaluators(self) -> None:
        evaluators = {evaluator.name: evaluator for evaluator in self.evaluators}
        if len(evaluators) < len(self.evaluators):
            names = ", ".join(evaluator.name for evaluator in self.evaluators)
            raise UserError(f"train.evaluators are called {names}: give each a name of its own")
        chosen = self.selection.evaluator
        if chosen is None:
            return
        if chosen not in evaluators:
            raise UserError(f"train.selection.evaluator is {chosen!r}: the evaluators are {', '.join(evaluators)}")
        known = METRICS[evaluators[chosen].kind]
        if self.selection.metric not in known:
            raise UserError(f"train.selection.metric is {self.selection.metric!r}: {chosen} has {', '.join(known)}")
        if evaluators[chosen].every is None and evaluators[chosen].every_epochs is None:
            raise UserError(
                f"train.selection.evaluator is {chosen!r}, which runs only at the end: give it an `every` to choose by"
            )

    @property
    def total_steps(self) -> int:
        """Batches in all; ValueError for a config in epochs, which `in_steps` converts."""
        if self.steps is None:
            raise ValueError("the training is not counted in steps: convert it with in_steps(steps_per_epoch)")
        return self.steps

    def in_steps(self, steps_per_epoch: float) -> "TrainConfig":
        """Returns the same config with every duration in steps; UserError if it does not say how long to train."""
        steps = in_steps(self.steps, self.epochs, steps_per_epoch)
        if steps is None:
            raise UserError("train.steps and train.epochs are both None: say how long to train with one of them")
        return dataclasses.replace(
            self,
            steps=steps,
            epochs=None,
            optimizer=self.optimizer.in_steps(steps_per_epoch),
            evaluators=tuple(
                dataclasses.replace(
                    one, every=in_steps(one.every, one.every_epochs, steps_per_epoch), every_epochs=None
                )
                for one in self.evaluators
            ),
        )
