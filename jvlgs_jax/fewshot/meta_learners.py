"""Meta-learners: what one task says about the parameters that adaptation should start from.

| name | gradient of the start | paper |
|---|---|---|
| `maml` | of the query's loss after adaptation, through its steps | Finn et al. 2017, arXiv:1703.03400 |
| `fomaml` | the same, as if adaptation were a translation | the same, section 5.2 |
| `anil` | as `maml`, where adaptation changes some parameters only | Raghu et al. 2020, arXiv:1909.09157 |
| `meta_sgd` | as `maml`, and of a step size for each parameter as well | Li et al. 2017, arXiv:1707.09835 |
| `reptile` | from the adapted parameters to the start, no query | Nichol et al. 2018, arXiv:1803.02999 |

All are pure functions of parameter trees and know nothing of a network: what they differ in is passed as a function.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.inner_loop import InnerConfig, Loss, adapt, constant_rates, identity

Metrics = dict[str, Float[Array, ""]]
EVERYTHING = (".*",)


class Task(NamedTuple):
    """A task: what is known of it, and what it is asked; each a tree of arrays with one row an example."""

    support: Any
    query: Any


class MetaParameters(NamedTuple):
    """What meta-training learns.

    `start` is the parameters that each task starts from. `rates` is a step size for each element of those that
    adaptation changes, or None where it takes its config's.
    """

    start: PyTree
    rates: PyTree | None = None


class TaskGradient(NamedTuple):
    """What one task says: the direction in which meta-parameters get worse, and losses by name."""

    gradient: MetaParameters
    metrics: Metrics


@runtime_checkable
class MetaLearner(Protocol):
    """One way to learn what to start from."""

    @property
    def inner(self) -> InnerConfig:
        """How tasks are learned, in meta-training and afterwards."""
        ...

    def begin(self, params: PyTree) -> MetaParameters:
        """Returns the meta-parameters of a training that starts from `params`."""
        ...

    def task_gradient(self, loss: Loss, meta: MetaParameters, task: Task, key: Key[Array, ""]) -> TaskGradient:
        """Returns what the task says. Its metrics are `support_loss`, before adaptation, and `loss`, after it."""
        ...


@dataclass(frozen=True, kw_only=True)
class QueryGradient:
    """Learns from the query's loss after adaptation to the support: MAML and its variants.

    Attributes:
        inner: how tasks are learned.
        through: what each inner gradient passes, see `adapt`: `identity` is MAML, `jax.lax.stop_gradient` FOMAML.
        first_rates: the step sizes to learn, from parameters and `inner`; None are not learned.
    """

    inner: InnerConfig
    through: Callable[[PyTree], PyTree] = identity
    first_rates: Callable[[PyTree, InnerConfig], PyTree | None] = lambda params, inner: None

    def begin(self, params: PyTree) -> MetaParameters:
        """Returns the parameters and the step sizes to start from."""
        return MetaParameters(params, self.first_rates(params, self.inner))

    def task_gradient(self, loss: Loss, meta: MetaParameters, task: Task, key: Key[Array, ""]) -> TaskGradient:
        """Differentiates the query's loss."""
        support_key, query_key = jax.random.split(key)

        def after_adaptation(meta: MetaParameters) -> tuple[Array, Metrics]:
            adapted = adapt(
                loss, meta.start, task.support, support_key, self.inner, rates=meta.rates, through=self.through
            )
            value = loss(adapted.params, task.query, query_key)
            return value, {"loss": value, "support_loss": adapted.losses[0]}

        return TaskGradient(*jax.grad(after_adaptation, has_aux=True)(meta))


@dataclass(frozen=True, kw_only=True)
class Reptile:
    """Moves the start towards the parameters adapted to all that there is of a task, support and query alike.

    `loss` is that before its last step. With `inner.rows` below the number of examples the steps see different ones,
    which the method lives on: with all of them in each it only learns what suits all tasks at once.
    """

    inner: InnerConfig

    def begin(self, params: PyTree) -> MetaParameters:
        """Returns the parameters."""
        return MetaParameters(params)

    def task_gradient(self, loss: Loss, meta: MetaParameters, task: Task, key: Key[Array, ""]) -> TaskGradient:
        """Returns the way back from the adapted parameters."""
        examples = jax.tree.map(lambda *parts: jnp.concatenate(parts), task.support, task.query)
        adapted = adapt(loss, meta.start, examples, key, self.inner)
        back = jax.tree.map(jnp.subtract, meta.start, adapted.params)
        return TaskGradient(MetaParameters(back), {"loss": adapted.losses[-1], "support_loss": adapted.losses[0]})


def maml(inner: InnerConfig) -> QueryGradient:
    """Second-order gradients."""
    return QueryGradient(inner=inner)


def fomaml(inner: InnerConfig) -> QueryGradient:
    """First-order gradients."""
    return QueryGradient(inner=inner, through=jax.lax.stop_gradient)


def anil(inner: InnerConfig) -> QueryGradient:
    """MAML that adapts a part; UserError for a config that adapts everything."""
    if inner.adapted == EVERYTHING:
        raise UserError(
            "anil adapts a part of the parameters, but inner.adapted is '.*', all of them: name the part, for example "
            "'decoder/.*', or use maml"
        )
    return maml(inner)


def meta_sgd(inner: InnerConfig) -> QueryGradient:
    """MAML that learns its step sizes; `inner.learning_rate` is the first one of each."""
    return QueryGradient(inner=inner, first_rates=constant_rates)


def reptile(inner: InnerConfig) -> Reptile:
    """No gradient of a query."""
    return Reptile(inner=inner)


META_LEARNERS: dict[str, Callable[[InnerConfig], MetaLearner]] = {
    "maml": maml,
    "fomaml": fomaml,
    "anil": anil,
    "meta_sgd": meta_sgd,
    "reptile": reptile,
}


def meta_learner(name: str, inner: InnerConfig) -> MetaLearner:
    """Returns the meta-learner called `name`; UserError for an unknown one, and for a config that does not suit it."""
    if name not in META_LEARNERS:
        raise UserError(f"unknown meta-learner {name!r}: the choices are {', '.join(META_LEARNERS)}")
    return META_LEARNERS[name](inner)
