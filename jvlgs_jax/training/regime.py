"""What a step of a training learns from, and how: the `Regime` protocol, and batches of clips as one.

The loop, its checkpoints and its records are the same for all. Meta-training is another one, see `fewshot/`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import optax
from jax.sharding import Mesh, NamedSharding

from jvlgs_jax.data.batch_iterator import BatchIterator, Shard
from jvlgs_jax.data.batches import DataConfig, batch_shapes, steps_per_epoch, training_batches
from jvlgs_jax.data.clip_source import TrainingSource
from jvlgs_jax.training.config import EvaluatorConfig, TrainConfig
from jvlgs_jax.training.evaluators.findings import Evaluator, HeldOut
from jvlgs_jax.training.mesh import batch_sharding
from jvlgs_jax.training.optimizer import OptimizerConfig
from jvlgs_jax.training.step import StepParts, TrainStep, make_train_step


@runtime_checkable
class Regime(Protocol):
    """What a step of a training learns from, and how."""

    def clips(self, data: DataConfig) -> int:
        """Returns how many clips a step sees."""
        ...

    def steps_per_epoch(self, sources: Sequence[TrainingSource], data: DataConfig) -> float:
        """Returns how many batches an epoch has."""
        ...

    def batch_shapes(self, data: DataConfig) -> Any:
        """Returns the shapes of a whole batch, over all processes, in place of its arrays."""
        ...

    def rows(self, mesh: Mesh, data: DataConfig, config: OptimizerConfig) -> NamedSharding:
        """Returns where the rows of a batch live; UserError for a batch that the devices cannot share equally."""
        ...

    def batches(
        self, sources: Sequence[TrainingSource], data: DataConfig, *, seed: int, shard: Shard, place: Callable
    ) -> BatchIterator:
        """Returns the endless iterator over batches, which Orbax saves; `place` puts one on the devices."""
        ...

    def optimizer(self, optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
        """Returns what a training with this optimizer remembers from step to step, by its `init`, and its update."""
        ...

    def step(self, parts: StepParts) -> TrainStep:
        """Returns the compiled step, to which the state is donated."""
        ...

    def task_evaluators(
        self, config: TrainConfig, held_out: HeldOut, data: DataConfig, *, stopped: Callable[[], bool]
    ) -> Callable[[EvaluatorConfig], Evaluator] | None:
        """Returns what makes evaluators of the kind "tasks"; None where there are no tasks."""
        ...


class Supervised:
    """Learns from batches of labelled clips."""

    def clips(self, data: DataConfig) -> int:
        """The batch size."""
        return data.batch_size

    def steps_per_epoch(self, sources: Sequence[TrainingSource], data: DataConfig) -> float:
        """In an epoch each clip of the first source is drawn once."""
        return steps_per_epoch(sources, data)

    def batch_shapes(self, data: DataConfig) -> Any:
        """Those of a `Batch`."""
        return batch_shapes(data)

    def rows(self, mesh: Mesh, data: DataConfig, config: OptimizerConfig) -> NamedSharding:
        """Clips are shared by all devices, in micro-batches."""
        return batch_sharding(mesh, data.batch_size, config.micro_batches)

    def batches(
        self, sources: Sequence[TrainingSource], data: DataConfig, *, seed: int, shard: Shard, place: Callable
    ) -> BatchIterator:
        """Shuffled, augmented clips."""
        return training_batches(sources, data, seed=seed, shard=shard, place=place)

    def optimizer(self, optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
        """Remembers what the optimizer does."""
        return optimizer

    def step(self, parts: StepParts) -> TrainStep:
        """One step down the gradient of the batch."""
        return make_train_step(parts)

    def task_evaluators(
        self, config: TrainConfig, held_out: HeldOut, data: DataConfig, *, stopped: Callable[[], bool]
    ) -> None:
        """There are no tasks."""
        return
