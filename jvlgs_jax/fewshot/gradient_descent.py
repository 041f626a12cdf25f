"""Plain gradient descent on a support set: what the inner loop of meta-training does, one step at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.fine_tuning import support_loss
from jvlgs_jax.fewshot.network import Forward, Network, Variables, forward_for
from jvlgs_jax.fewshot.parametrization import Parametrization
from jvlgs_jax.fewshot.pool import Pool


@dataclass(frozen=True)
class GradientDescent:
    """Takes steps on all frames at once, as they were recorded: for starts that were meta-trained for such steps.

    Attributes:
        parametrization: what is trained.
        learning_rate: of each step.
        steps: the most steps, each of which makes a candidate; all of them where none can be judged.
    """

    parametrization: Parametrization
    learning_rate: float = 0.03
    steps: int = 3

    starts_anew = False
    variants = 1

    def __post_init__(self) -> None:
        if not self.learning_rate > 0:
            raise UserError(f"learning_rate is {self.learning_rate}, it must be positive: use 0.03")
        if self.steps < 1:
            raise UserError(f"steps is {self.steps}, the least is 1: use 3")

    @property
    def amounts(self) -> tuple[float, ...]:
        """Steps."""
        return tuple(map(float, range(self.steps + 1)))

    @property
    def unjudged(self) -> int:
        """The last candidate: the start was made for so many steps."""
        return self.steps

    def forward(self, network: Network, variables: Variables) -> Forward:
        """Leaves the encoder out where nothing in it is trained."""
        return forward_for(network, self.parametrization.changed(variables.params))

    def candidates(
        self, forward: Forward, variables: Variables, pool: Pool, members: Sequence[int]
    ) -> Iterator[Variables]:
        """Yields the network after every step on the members."""
        trained = self.parametrization.initial(variables.params, 0)
        yield variables
        for _ in range(self.steps):
            # The loss is a mean over clips: one program serves any number of them.
            found = [
                _gradient(self.parametrization, forward, variables, trained, *pool.batch([k], [0])) for k in members
            ]
            mean = jax.tree.map(lambda *of_each: jnp.stack(of_each).mean(0), *found)
            trained = jax.tree.map(lambda p, g: p - self.learning_rate * g, trained, mean)
            yield replace(variables, params=self.parametrization.apply(variables.params, trained))


@partial(jax.jit, static_argnames=("parametrization", "forward"))
def _gradient(
    parametrization: Parametrization,
    forward: Forward,
    variables: Variables,
    trained: PyTree,
    inputs: PyTree,
    masks: Float[Array, "b 1 h w 1"],
) -> PyTree:
    return jax.grad(partial(support_loss, parametrization, forward, variables))(trained, inputs, masks)
