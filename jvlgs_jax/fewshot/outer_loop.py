"""The outer loop of meta-learning: the mean of what many tasks say moves the meta-parameters."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int32, Key

from jvlgs_jax.fewshot.inner_loop import Loss, count_rows
from jvlgs_jax.fewshot.meta_learners import MetaLearner, MetaParameters, Metrics, Task, TaskGradient


def meta_gradient(
    learner: MetaLearner,
    loss: Loss,
    meta: MetaParameters,
    tasks: Task,
    key: Key[Array, ""],
) -> TaskGradient:
    """Returns the mean over tasks, stacked along a first axis, of what each says; task i has the i-th key of `key`.

    Tasks may be cut over the devices of a mesh along that axis: each device then takes its own.
    """
    keys = jax.random.split(key, count_rows(tasks))
    of_each = jax.vmap(partial(learner.task_gradient, loss, meta))(tasks, keys)
    return jax.tree.map(lambda x: x.mean(0), of_each)


class MetaState(NamedTuple):
    """A meta-training after `step` batches of tasks."""

    step: Int32[Array, ""]
    meta: MetaParameters
    memory: optax.OptState


def begin(learner: MetaLearner, params: object, optimizer: optax.GradientTransformation) -> MetaState:
    """Returns the state of a meta-training that starts from `params`."""
    meta: Any = learner.begin(params)
    return MetaState(jnp.zeros((), jnp.int32), meta, optimizer.init(meta))


def move(
    optimizer: optax.GradientTransformation, gradient: MetaParameters, memory: optax.OptState, meta: MetaParameters
) -> tuple[MetaParameters, optax.OptState]:
    """Returns the meta-parameters and the optimizer's memory after a step."""
    trees: Any = gradient, meta  # optax's types know no named tuples
    updates, memory = optimizer.update(trees[0], memory, trees[1])
    moved: Any = optax.apply_updates(trees[1], updates)
    return moved, memory


def outer_step(
    learner: MetaLearner, loss: Loss, optimizer: optax.GradientTransformation
) -> Callable[[MetaState, Task, Key[Array, ""]], tuple[MetaState, Metrics]]:
    """Returns the pure step from a state and a batch of tasks to the next state, and mean losses before it."""

    def step(state: MetaState, tasks: Task, key: Key[Array, ""]) -> tuple[MetaState, Metrics]:
        gradient, metrics = meta_gradient(learner, loss, state.meta, tasks, key)
        return MetaState(state.step + 1, *move(optimizer, gradient, state.memory, state.meta)), metrics

    return step
