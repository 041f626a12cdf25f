"""The inner loop of meta-learning: gradient descent on one task, as a pure function of what it starts from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

import jax
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, Key, PyTree

from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.parameter_subset import merge_parameters, split_parameters

T = TypeVar("T")

# The loss of parameters on data, whose arrays have one row an example; the key is for what a network draws.
Loss = Callable[[PyTree, PyTree, Key[Array, ""]], Float[Array, ""]]

REMAT: dict[str, Callable[[Callable], Callable]] = {"none": lambda step: step, "full": jax.checkpoint}


@dataclass(frozen=True, kw_only=True)
class InnerConfig:
    """How a task is learned; the defaults are small steps that suit a trained network. UserError out of range.

    Attributes:
        steps: of gradient descent.
        learning_rate: of each step, where no learned one takes its place.
        rows: of the task's examples that a step sees, the next ones in turn; None: all of them.
        adapted: regular expressions of parameter paths, such as "decoder/.*"; what one of them matches as a whole is
            changed, the rest stays as it is.
        remat: what a step keeps for the gradient through it: "none" computes nothing again, "full" everything, so that
            memory does not grow with the activations of all steps.
        unroll: steps laid out in one turn of the loop. XLA's CPU backend computes gradients of convolutions in loops
            several times slower: there it pays to lay out all of them, for a longer compilation.
    """

    steps: int = 3
    learning_rate: float = 0.01
    rows: int | None = None
    adapted: tuple[str, ...] = (".*",)
    remat: Literal["none", "full"] = "full"
    unroll: int = 1

    def __post_init__(self) -> None:
        for name in ("steps", "rows", "unroll"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"inner.{name} is {value}, the least is 1: use a larger one")
        if not self.learning_rate > 0:
            raise UserError(f"inner.learning_rate is {self.learning_rate}, it must be positive: start from 0.01")


class Adapted(NamedTuple):
    """Parameters after an inner loop, and the loss before each of its steps on the rows that the step saw."""

    params: PyTree
    losses: Float[Array, " steps"]


def identity(tree: T) -> T:
    """Returns what it is given: gradients of the outer loop go through steps as they are."""
    return tree


def constant_rates(params: PyTree, config: InnerConfig) -> PyTree:
    """Returns the config's learning rate for each element of the parameters that are adapted."""
    adapted = split_parameters(params, config.adapted).adapted
    return jax.tree.map(lambda x: jax.numpy.full_like(x, config.learning_rate), adapted)


def adapt(
    loss: Loss,
    params: PyTree,
    data: PyTree,
    key: Key[Array, ""],
    config: InnerConfig,
    *,
    rates: PyTree | None = None,
    through: Callable[[PyTree], PyTree] = identity,
) -> Adapted:
    """Learns a task by plain gradient descent from `params`; differentiable in `params` and `rates`.

    Args:
        loss: what is made smaller.
        params: what to start from.
        data: the task's examples, along the first axis of each array.
        key: of each step the loss gets a key of its own.
        config: how.
        rates: a step size for each element of what is adapted, as `constant_rates` returns; None: the config's.
        through: what the gradient of each step passes on its way into the parameters. `jax.lax.stop_gradient` makes
            outer gradients first-order.

    UserError for a pattern of the config that matches no parameter.
    """
    subset = split_parameters(params, config.adapted)
    gradient_of = jax.value_and_grad(lambda part, *rest: loss(merge_parameters(part, subset.frozen), *rest))
    if rates is None:
        rates = jax.tree.map(lambda _: config.learning_rate, subset.adapted)

    def step(part: PyTree, turn: tuple[Array, Array]) -> tuple[PyTree, Array]:
        rows, key = turn
        value, gradient = gradient_of(part, jax.tree.map(lambda x: x[rows], data), key)
        return jax.tree.map(lambda p, g, rate: p - rate * g, part, through(gradient), rates), value

    turns = row_numbers(count_rows(data), config), jax.random.split(key, config.steps)
    unroll = config.unroll if config.unroll < config.steps else True  # True leaves no loop, not even of one turn
    part, losses = lax.scan(REMAT[config.remat](step), subset.adapted, turns, unroll=unroll)
    return Adapted(merge_parameters(part, subset.frozen), losses)


def row_numbers(count: int, config: InnerConfig) -> Int[np.ndarray, "steps rows"]:
    """Returns which of `count` examples each step sees: the next ones, from the first again after the last."""
    rows = count if config.rows is None else min(config.rows, count)
    return np.arange(config.steps * rows).reshape(config.steps, rows) % count


def count_rows(data: Any) -> int:
    """Returns how many examples there are."""
    return jax.tree.leaves(data)[0].shape[0]
