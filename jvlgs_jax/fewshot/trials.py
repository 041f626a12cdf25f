"""Several meta-trainings in one program: trials that differ in seed and learning rate, on one device in one compile.

All of a trial happens in the program, from its random parameters to the tasks of its last step, so that many of them
can be one more axis of every array. Small networks gain most from that: their arrays do not fill a device.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import optax
from jaxtyping import Array, Float, Int, Key, PyTree

from jvlgs_jax.fewshot.inner_loop import Loss
from jvlgs_jax.fewshot.meta_learners import MetaLearner, MetaParameters, Task
from jvlgs_jax.fewshot.outer_loop import MetaState, begin, outer_step


class Trial(NamedTuple):
    """What tells trials apart: one of them, or several along a first axis."""

    seed: Int[Array, "*n"]
    learning_rate: Float[Array, "*n"]  # of the outer loop


class TrialResult(NamedTuple):
    """What a trial ends with, and the mean loss of each step's tasks after adaptation."""

    meta: MetaParameters
    losses: Float[Array, "*n steps"]


def meta_training_trial(
    learner: MetaLearner,
    loss: Loss,
    *,
    params: Callable[[Key[Array, ""]], PyTree],
    tasks: Callable[[Key[Array, ""]], Task],
    optimizer: Callable[[Float[Array, ""]], optax.GradientTransformation],
    steps: int,
) -> Callable[[Trial], TrialResult]:
    """Returns the pure function that carries out one trial.

    Args:
        learner: what a task says.
        loss: of parameters on a task's examples.
        params: makes the parameters to start from.
        tasks: draws the batch of tasks of a step; it may pick them from arrays that it closes over.
        optimizer: of a learning rate.
        steps: batches of tasks.
    """

    def carry_out(trial: Trial) -> TrialResult:
        of_params, of_steps = jax.random.split(jax.random.key(trial.seed))
        outer = optimizer(trial.learning_rate)
        step = outer_step(learner, loss, outer)

        def turn(state: MetaState, key: Key[Array, ""]) -> tuple[MetaState, Array]:
            of_tasks, of_loss = jax.random.split(key)
            state, metrics = step(state, tasks(of_tasks), of_loss)
            return state, metrics["loss"]

        state = begin(learner, params(of_params), outer)
        state, losses = jax.lax.scan(turn, state, jax.random.split(of_steps, steps))
        return TrialResult(state.meta, losses)

    return carry_out


def run_trials(carry_out: Callable[[Trial], TrialResult], trials: Trial, *, abreast: int = 1) -> TrialResult:
    """Carries out all trials in one program and returns their results along a first axis.

    Args:
        carry_out: one trial.
        trials: along a first axis.
        abreast: how many are carried out side by side, as one more axis of every array. With 1 they follow one another,
            and each ends, bit for bit, as it does alone. With more, sums are taken in another order: the first steps
            agree to rounding, which a long training may amplify.
    """
    side_by_side = None if abreast == 1 else abreast
    return jax.jit(lambda each: jax.lax.map(carry_out, each, batch_size=side_by_side))(trials)
