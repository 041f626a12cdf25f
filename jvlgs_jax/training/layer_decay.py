"""Layer-wise decay of the learning rate: the deeper a layer of the video encoder, the more it learns."""

import re

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from jvlgs_jax.training.variable_paths import variable_path

_ENCODER = re.compile(r"video_encoder/stages/(?P<stage>\d+)/(?P<part>\w+)(/.*)?")


def scale_by_layer(decay: float) -> optax.GradientTransformation:
    """Returns the transformation that multiplies each update by its layer's share of the learning rate.

    The last block of the video encoder learns at `decay` times the rate of what follows the encoder, the block before
    it at `decay` ** 2, and so on through all stages (Clark et al., 2020, arXiv:2003.10555). A stage's patch embedding
    goes with its first block, its final norm with its last. Blocks are counted from the end, those in frozen stages
    left out.
    """

    def scale(updates: PyTree, params: PyTree) -> PyTree:
        return jax.tree.map(jnp.multiply, updates, layer_rates(updates, decay))

    return optax.stateless(scale)


def layer_rates(params: PyTree, decay: float) -> PyTree[Float[Array, "..."]]:
    """Returns the factor of each parameter's learning rate, of a shape that broadcasts against the parameter.

    The blocks of a stage are stacked, so theirs is an array along the stacked axis.
    """
    leaves = {variable_path(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(params)}
    depths: dict[int, int] = {}
    for path, leaf in leaves.items():
        if (match := _ENCODER.fullmatch(path)) and match["part"] == "blocks":
            depths[int(match["stage"])] = leaf.shape[0]

    def rate(path: tuple, leaf: Array) -> Float[Array, "..."]:
        match = _ENCODER.fullmatch(variable_path(path))
        if match is None:
            return jnp.ones((), leaf.dtype)
        stage, part = int(match["stage"]), match["part"]
        after = sum(depth for other, depth in depths.items() if other > stage)
        depth = depths.get(stage, 1)
        if part == "blocks":
            powers = after + jnp.arange(depth, 0, -1, leaf.dtype).reshape(-1, *[1] * (leaf.ndim - 1))
        else:
            powers = jnp.asarray(after + (1 if part == "norm" else depth), leaf.dtype)
        return decay**powers

    return jax.tree_util.tree_map_with_path(rate, params)
