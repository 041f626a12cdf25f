"""Fine-tuning on a support set: AdamW on the structure loss, a few steps at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import jax
import numpy as np
import optax
from jaxtyping import Array, Float, PyTree

from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.network import Forward, Network, Variables, forward_for
from jvlgs_jax.fewshot.parametrization import Parametrization
from jvlgs_jax.fewshot.pool import Pool
from jvlgs_jax.training.losses import structure_loss_published

LARGEST_SEED = 2**32 - 1  # that NumPy and JAX both take


@dataclass(frozen=True)
class FineTuning:
    """Trains what `parametrization` says; BatchNorm's statistics stay.

    Attributes:
        parametrization: what is trained.
        learning_rate: of AdamW, constant.
        weight_decay: of AdamW, towards zero.
        steps: the most steps.
        every: steps from one candidate to the next.
        batch_size: clips a step, of which one is without gas where the support has such frames.
        variants: clips made of each support frame.
        kept: share of the change that is kept in the end, towards the trained network from the start. The mean of both
            is often better than either where the scene goes on changing (Wortsman et al., 2022).
        seed: of the order of the clips, and of random starts.
    """

    parametrization: Parametrization
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    steps: int = 24
    every: int = 8
    batch_size: int = 4
    variants: int = 6
    kept: float = 0.5
    seed: int = 0

    starts_anew = False

    def __post_init__(self) -> None:
        if not self.learning_rate > 0:
            raise UserError(f"learning_rate is {self.learning_rate}, it must be positive: use 0.001")
        if not self.weight_decay >= 0:
            raise UserError(f"weight_decay is {self.weight_decay}, it must not be negative: use 0.0001")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise UserError(f"seed is {self.seed}, it must lie between 0 and {LARGEST_SEED}: use 0")
        for name in ("steps", "every", "batch_size", "variants"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}, the least is 1: use a larger one")
        if not 0 < self.kept <= 1:
            raise UserError(f"kept is {self.kept}, it must be above 0 and at most 1: use 0.5")
        if self.steps % self.every:
            raise UserError(f"steps is {self.steps}, it must be a multiple of every, {self.every}")

    @property
    def amounts(self) -> tuple[float, ...]:
        """Steps."""
        return tuple(map(float, range(0, self.steps + 1, self.every)))

    @property
    def unjudged(self) -> int:
        """The candidate half-way."""
        return len(self.amounts) // 2

    def forward(self, network: Network, variables: Variables) -> Forward:
        """Leaves the encoder out where nothing in it is trained."""
        return forward_for(network, self.parametrization.changed(variables.params))

    def candidates(
        self, forward: Forward, variables: Variables, pool: Pool, members: Sequence[int]
    ) -> Iterator[Variables]:
        """Yields the network after every few steps on the members."""
        rng = np.random.default_rng([self.seed, *members])
        trained = self.parametrization.initial(variables.params, self.seed)
        memory = _optimizer(self).init(trained)
        yield variables
        for _ in self.amounts[1:]:
            for _ in range(self.every):
                trained, memory = _step(self, forward, variables, trained, memory, *self._draw(pool, members, rng))
            params = self.parametrization.apply(variables.params, trained)
            yield replace(variables, params=jax.tree.map(self._towards, variables.params, params))

    def _towards(self, start: Array, end: Array) -> Array:
        return start + self.kept * (end - start)

    def _draw(self, pool: Pool, members: Sequence[int], rng: np.random.Generator) -> tuple[PyTree, np.ndarray]:
        gas = [k for k in members if pool.frames[k].leaks]
        empty = [k for k in members if not pool.frames[k].leaks]
        count = self.batch_size - 1 if gas and empty and self.batch_size > 1 else self.batch_size
        frames = np.concatenate([rng.choice(gas or empty, count), rng.choice(empty or gas, self.batch_size - count)])
        return pool.batch(frames.tolist(), rng.integers(self.variants, size=self.batch_size).tolist())


def _optimizer(config: FineTuning) -> optax.GradientTransformation:
    return optax.chain(
        optax.clip_by_global_norm(1.0), optax.adamw(config.learning_rate, weight_decay=config.weight_decay)
    )


# One step a call: inside a loop of XLA's CPU backend, gradients of convolutions take ten times as long.
@partial(jax.jit, static_argnames=("config", "forward"))
def _step(
    config: FineTuning,
    forward: Forward,
    variables: Variables,
    trained: PyTree,
    memory: optax.OptState,
    inputs: PyTree,
    masks: Float[Array, "b 1 h w 1"],
) -> tuple[PyTree, optax.OptState]:
    """Takes one step on a batch."""
    gradient = jax.grad(partial(support_loss, config.parametrization, forward, variables))(trained, inputs, masks)
    updates, memory = _optimizer(config).update(gradient, memory, trained)
    return optax.apply_updates(trained, updates), memory


def support_loss(
    parametrization: Parametrization,
    forward: Forward,
    variables: Variables,
    trained: PyTree,
    inputs: PyTree,
    masks: Float[Array, "b 1 h w 1"],
) -> Float[Array, ""]:
    """Returns the structure loss of what has been trained, a mean over the clips."""
    params = parametrization.apply(variables.params, trained)
    return structure_loss_published(forward.logits(replace(variables, params=params), inputs), masks).total
