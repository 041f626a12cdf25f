"""Meta-training as a regime of the main training loop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jvlgs_jax.data.batch_iterator import BatchIterator, Shard
from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.data.clip_source import TrainingSource
from jvlgs_jax.data.episodes import episode_batches, episode_shapes, tasks_per_epoch
from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.config import MetaConfig
from jvlgs_jax.fewshot.meta_learners import MetaLearner, meta_learner
from jvlgs_jax.fewshot.meta_step import make_meta_step, with_rates
from jvlgs_jax.fewshot.task_evaluator import TaskEvaluator
from jvlgs_jax.training.config import EvaluatorConfig, TrainConfig
from jvlgs_jax.training.evaluators.findings import Evaluator, HeldOut
from jvlgs_jax.training.losses import loss_function
from jvlgs_jax.training.mesh import DATA, FSDP
from jvlgs_jax.training.optimizer import OptimizerConfig
from jvlgs_jax.training.precision import compute_dtype
from jvlgs_jax.training.step import StepParts, TrainStep


@dataclass(frozen=True)
class MetaTraining:
    """Learns from batches of tasks what adaptation should start from; a `Regime`."""

    config: MetaConfig

    @property
    def learner(self) -> MetaLearner:
        """What a task says."""
        return meta_learner(self.config.learner, self.config.inner)

    def clips(self, data: DataConfig) -> int:
        """Those of all supports and queries."""
        episodes = self.config.episodes
        return episodes.tasks * (episodes.shots + episodes.queries)

    def steps_per_epoch(self, sources: Sequence[TrainingSource], data: DataConfig) -> float:
        """In an epoch each scene of the first source is a task once."""
        return tasks_per_epoch(sources, data, self.config.episodes)

    def batch_shapes(self, data: DataConfig) -> Any:
        """Those of an `Episode`."""
        return episode_shapes(data, self.config.episodes)

    def rows(self, mesh: Mesh, data: DataConfig, config: OptimizerConfig) -> NamedSharding:
        """Tasks are shared by all devices."""
        if config.micro_batches != 1:
            raise UserError("train.optimizer.micro_batches cuts batches of clips: for tasks set meta.abreast instead")
        tasks = self.config.episodes.tasks
        if tasks % (mesh.size * (self.config.abreast or 1)):
            raise UserError(
                f"meta.episodes.tasks is {tasks}, shared by {mesh.size} devices, {self.config.abreast or 1} abreast: "
                f"use a multiple of {mesh.size * (self.config.abreast or 1)}, or another train.mesh"
            )
        return NamedSharding(mesh, PartitionSpec((DATA, FSDP)))

    def batches(
        self, sources: Sequence[TrainingSource], data: DataConfig, *, seed: int, shard: Shard, place: Callable
    ) -> BatchIterator:
        """Tasks, each a scene."""
        return episode_batches(sources, data, self.config.episodes, seed=seed, shard=shard, place=place)

    def optimizer(self, optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
        """Remembers learned step sizes as well."""
        return with_rates(self.learner, optimizer)

    def step(self, parts: StepParts) -> TrainStep:
        """One step down the mean gradient of the tasks."""
        place = parts.shardings.step
        assert isinstance(place, NamedSharding)
        own = self.config.episodes.tasks // place.mesh.size
        on_cpu = place.mesh.devices.flat[0].platform == "cpu"
        return make_meta_step(self.learner, parts, abreast=self.config.abreast or (1 if on_cpu else own))

    def task_evaluators(
        self, config: TrainConfig, held_out: HeldOut, data: DataConfig, *, stopped: Callable[[], bool]
    ) -> Callable[[EvaluatorConfig], Evaluator]:
        """They adapt as tasks are learned here."""

        def evaluator(one: EvaluatorConfig) -> Evaluator:
            return TaskEvaluator(
                one,
                held_out,
                meta=self.config,
                data=data,
                loss=loss_function(config.loss),
                dtype=compute_dtype(config.precision),
                stopped=stopped,
            )

        return evaluator
