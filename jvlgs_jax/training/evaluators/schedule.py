"""The evaluators of a training, each when its turn comes."""

from collections.abc import Callable, Mapping
from math import isnan

from jax.sharding import Mesh

from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.model_folder import ModelBundle
from jvlgs_jax.training.config import EvaluatorConfig, TrainConfig
from jvlgs_jax.training.evaluators.batches import BatchEvaluator
from jvlgs_jax.training.evaluators.findings import Evaluator, Findings, HeldOut
from jvlgs_jax.training.evaluators.frames import FrameEvaluator
from jvlgs_jax.training.losses import loss_function
from jvlgs_jax.training.precision import compute_dtype


class Evaluators:
    """Runs the evaluators of a config on the steps that it says."""

    def __init__(
        self,
        config: TrainConfig,
        held_out: HeldOut,
        *,
        data: DataConfig,
        mesh: Mesh,
        stopped: Callable[[], bool] = lambda: False,
        of_tasks: Callable[[EvaluatorConfig], Evaluator] | None = None,
    ) -> None:
        """Takes a config with all durations in steps; without scenes, an evaluator is left out.

        Args:
            config: of the training.
            held_out: what is measured on.
            data: how clips are made, for evaluators on batches.
            mesh: the devices for those.
            stopped: whether to give up, asked between scenes.
            of_tasks: makes evaluators of tasks; None: the training has none.
        """
        self._steps = config.total_steps
        self._selection = config.selection
        self._evaluators: dict[EvaluatorConfig, Evaluator] = {}
        for one in config.evaluators:
            if not held_out.numbers(one):
                if one.name == config.selection.evaluator:
                    raise UserError(f"train.selection.evaluator is {one.name!r}, but there is no {one.part} scene")
                continue
            if one.kind == "frames":
                self._evaluators[one] = FrameEvaluator(one, held_out, stopped=stopped)
            elif one.kind == "tasks":
                if of_tasks is None:
                    raise UserError(f"train.evaluators: {one.name} measures tasks, which only meta-training has")
                self._evaluators[one] = of_tasks(one)
            else:
                self._evaluators[one] = BatchEvaluator(
                    one,
                    held_out,
                    data=data,
                    mesh=mesh,
                    loss=loss_function(config.loss),
                    dtype=compute_dtype(config.precision),
                    stopped=stopped,
                )

    def due(self, step: int) -> list[EvaluatorConfig]:
        """Returns the evaluators that measure the model after `step` batches."""
        return [
            one
            for one in self._evaluators
            if step == self._steps or (one.every is not None and step > 0 and step % one.every == 0)
        ]

    def selects(self, step: int) -> bool:
        """Whether a checkpoint may be chosen as the best after `step` batches."""
        return any(one.name == self._selection.evaluator for one in self.due(step))

    def run(self, step: int, bundle: Callable[[], ModelBundle]) -> dict[str, Findings] | None:
        """Returns what those that are due find, by name; None if they were interrupted.

        An error in one of them is raised with its name.
        """
        found = {}
        due = self.due(step)
        model = bundle() if due else None
        for one in due:
            assert model is not None
            try:
                findings = self._evaluators[one](model, final=step == self._steps)
            except UserError as error:
                raise UserError(f"evaluator {one.name!r}: {error}") from error
            except Exception as error:
                error.add_note(f"raised by the evaluator {one.name!r} at step {step}")
                raise
            if findings is None:
                return None
            found[one.name] = findings
        return found

    def record(self, found: Mapping[str, Findings]) -> dict[str, float]:
        """Returns the numbers of `found` that go to the record, such as "test/jvlgs_j"; undefined ones are left out."""
        numbers = {}
        for one in self._evaluators:
            if one.name in found:
                values = {name: found[one.name].metrics[name] for name in one.recorded}
                numbers |= {f"{one.name}/{name}": value for name, value in values.items() if not isnan(value)}
        return numbers

    def quality(self, found: Mapping[str, Findings]) -> float | None:
        """Returns how good the model is by the config's selection, the higher the better; None if it was not asked."""
        if self._selection.evaluator not in found:
            return None
        value = found[self._selection.evaluator].metrics[self._selection.metric]
        if isnan(value):
            return None
        return value if self._selection.goal == "highest" else -value
