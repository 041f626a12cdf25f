"""The same network without what it had learned: what adaptation is compared with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PyTree

from jvlgs_jax.fewshot.fine_tuning import FineTuning
from jvlgs_jax.fewshot.network import Forward, Network, Variables, WholeNetwork
from jvlgs_jax.fewshot.parameter_subset import merge_parameters, split_parameters
from jvlgs_jax.fewshot.parametrization import EVERYTHING, Parametrization, SomeParameters
from jvlgs_jax.fewshot.pool import Pool
from jvlgs_jax.models.jvlgs import Jvlgs

_PASSES = 20  # of the support, until the running statistics of BatchNorm are its own


@dataclass(frozen=True)
class FromScratch(FineTuning):
    """Trains everything but the text encoder from random weights.

    The statistics of BatchNorm are taken from the support before the first step, and stay.
    """

    parametrization: Parametrization = field(default_factory=lambda: SomeParameters(EVERYTHING))
    kept: float = 1.0  # random weights are nothing to keep a part of

    starts_anew = True

    def forward(self, network: Network, variables: Variables) -> Forward:
        """Everything runs in every step."""
        return WholeNetwork(network)

    def candidates(
        self, forward: Forward, variables: Variables, pool: Pool, members: Sequence[int]
    ) -> Iterator[Variables]:
        """Yields the network after every few steps on the members; the first is random."""
        fresh, statistics = _random(forward.network, self.seed)
        text_encoder = split_parameters(variables.params, EVERYTHING).frozen
        params = merge_parameters(split_parameters(fresh, EVERYTHING).adapted, text_encoder)
        started = replace(variables, params=params, rest=statistics)
        inputs = jax.tree.map(lambda *x: np.concatenate(x), *(pool.recorded(k) for k in members[: self.batch_size]))
        for _ in range(_PASSES):
            started = replace(started, rest=_statistics(forward.network, started, inputs))
        yield from super().candidates(forward, started, pool, members)


def _random(network: Network, seed: int) -> tuple[PyTree, PyTree]:
    """Random parameters, and the statistics that go with them."""

    def build() -> tuple[PyTree, PyTree]:
        _, params, rest = nnx.split(Jvlgs(network.config, rngs=nnx.Rngs(seed)), nnx.Param, ...)
        return params, rest

    # It runs once, so that it is compiled without optimization.
    return jax.jit(build, compiler_options={"xla_backend_optimization_level": 0})()


@partial(jax.jit, static_argnames="network")
def _statistics(network: Network, variables: Variables, inputs: list[Float[Array, "b 3 _ _ 3"]]) -> PyTree:
    """The running statistics after another pass of the clips, at the main size."""
    model = network.model(variables)
    model.train()
    model(inputs[0], variables.text)
    return nnx.split(model, nnx.Param, ...)[2]
