"""A network without what only training needs: BatchNorm is folded into the convolutions before it."""

from typing import TypeVar

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.models.batch_norm import EPSILON
from jvlgs_jax.models.convolution import ConvBN
from jvlgs_jax.models.jvlgs import Jvlgs
from jvlgs_jax.models.multi_scale import InputSizes, Normalize

Network = TypeVar("Network", bound=nnx.Module)


def fold_batch_norm(model: Network) -> Network:
    """Returns a copy of a network in evaluation mode, or of a part, whose convolutions do what BatchNorm did after."""
    folded = nnx.clone(model)
    modules = [module for _, module in nnx.iter_modules(folded)]
    for module in modules:
        for name, child in list(vars(module).items()):
            if isinstance(child, ConvBN):
                setattr(module, name, _folded(child))
            elif isinstance(child, nnx.List):
                for index, each in enumerate(child):
                    if isinstance(each, ConvBN):
                        child[index] = _folded(each)
    return folded


def _folded(layer: ConvBN) -> nnx.Conv:
    norm, conv = layer.norm, layer.conv
    factor = norm.scale[...] * jax.lax.rsqrt(norm.var[...] + EPSILON)
    conv.kernel[...] = conv.kernel[...] * factor
    conv.bias, conv.use_bias = nnx.Param(norm.bias[...] - norm.mean[...] * factor), True
    return conv


def cast_floats(state: nnx.State, dtype: jnp.dtype) -> nnx.State:
    """Returns the state with its float arrays in `dtype`."""
    return jax.tree.map(lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x, state)


def without_text_encoder(model: Jvlgs) -> Jvlgs:
    """Returns a copy that can only segment with text features computed before."""
    copy = nnx.clone(model)
    del copy.text_encoder
    return copy


def probabilities(
    model: Jvlgs, sizes: InputSizes, windows: Float[Array, "b 3 h w 3"], normalize: Normalize, text: Float[Array, "p d"]
) -> Float[Array, "b h w"]:
    """The probability of gas of the frame that each window of planes, in grey levels, answers for."""
    logits = sizes.segment(model, sizes.encode(model, windows, normalize), text)
    return jax.nn.sigmoid(logits[:, 0, ..., 0].astype(jnp.float32))
