"""What fine-tuning may change about a network: some of its parameters, or low-rank additions to some of them."""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.parameter_subset import merge_parameters, paths_of, split_parameters
from jvlgs_jax.training.variable_paths import variable_path

EVERYTHING = (r"(?!text_encoder/).*",)
DECODER = (r"(decoder|pair_fusion)/.*",)
HEADS = (r"(decoder/head|pair_fusion)/.*",)
# LayerNorms are called norm too, but those of the encoder and of the fusion are no BatchNorms.
BATCH_NORMS = (r"(receptive_fields|correlations|perceptions|decoder|details)/.*norm/(scale|bias)",)
ATTENTION = (r".*(attention|mlp)/(query|key_value|projection|expand|project)/kernel|fusion/.*kernel",)


@runtime_checkable
class Parametrization(Protocol):
    """Makes a network's parameters from those it started with and from what is trained; hashable."""

    def initial(self, params: PyTree, seed: int) -> PyTree:
        """What is trained, such that `apply` gives back the start."""
        ...

    def apply(self, params: PyTree, trained: PyTree) -> PyTree:
        """The parameters that this much training has led to."""
        ...

    def changed(self, params: PyTree) -> set[str]:
        """The paths of the parameters that training changes."""
        ...


@dataclass(frozen=True)
class SomeParameters:
    """Trains the parameters whose paths the patterns match; all others stay bit by bit what they were."""

    patterns: tuple[str, ...]

    def initial(self, params: PyTree, seed: int) -> PyTree:
        """The parameters themselves."""
        return split_parameters(params, self.patterns).adapted

    def apply(self, params: PyTree, trained: PyTree) -> PyTree:
        """The trained parameters among the others."""
        return merge_parameters(trained, split_parameters(params, self.patterns).frozen)

    def changed(self, params: PyTree) -> set[str]:
        """The matched paths."""
        return paths_of(split_parameters(params, self.patterns).adapted)


@dataclass(frozen=True)
class LowRankAdapters:
    """Trains two thin matrices for each matched kernel, and adds their product (Hu et al., 2021, arXiv:2106.09685).

    Attributes:
        patterns: of kernels whose last two axes are inputs and outputs; axes before these are stacked layers.
        rank: of the product, at least 1.
        scale: of the product, positive.
    """

    patterns: tuple[str, ...]
    rank: int = 4
    scale: float = 2.0

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise UserError(f"rank is {self.rank}, the least is 1: use 4")
        if not self.scale > 0:
            raise UserError(f"scale is {self.scale}, it must be positive: use 2")

    def initial(self, params: PyTree, seed: int) -> dict[str, dict[str, Array]]:
        """Random inputs and zero outputs, so that nothing is added yet."""
        factors = {}
        kernels = jax.tree_util.tree_leaves_with_path(split_parameters(params, self.patterns).adapted)
        for number, (path, kernel) in enumerate(kernels):
            *stacked, inputs, outputs = kernel.shape
            key = jax.random.fold_in(jax.random.key(seed), number)
            down = jax.random.normal(key, (*stacked, inputs, self.rank)) / math.sqrt(inputs)
            factors[variable_path(path)] = {"down": down, "up": jnp.zeros((*stacked, self.rank, outputs))}
        return factors

    def apply(self, params: PyTree, trained: dict[str, dict[str, Array]]) -> PyTree:
        """The kernels with their products added in: a network like any other."""

        def added(path: tuple, leaf: Array) -> Array:
            factors = trained.get(variable_path(path))
            return leaf if factors is None else leaf + self.scale * _product(factors["down"], factors["up"])

        return jax.tree_util.tree_map_with_path(added, params)

    def changed(self, params: PyTree) -> set[str]:
        """The matched paths."""
        return paths_of(split_parameters(params, self.patterns).adapted)


def _product(down: Float[Array, "*l i r"], up: Float[Array, "*l r o"]) -> Float[Array, "*l i o"]:
    return down @ up
