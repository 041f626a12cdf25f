"""Receptive-field block (RFB): dilated branches that bring an encoder map to the network's width."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.models.convolution import ConvBN


class ReceptiveFieldBlock(nnx.Module):
    """Four branches with fields of 1, 3, 5 and 7 pixels, merged and added to a projection of the input."""

    def __init__(self, in_channels: int, channels: int, *, rngs: nnx.Rngs):
        def branch(k: int) -> nnx.List:
            return nnx.List(
                [
                    ConvBN(in_channels, channels, (1, 1), rngs=rngs),
                    ConvBN(channels, channels, (1, k), rngs=rngs),
                    ConvBN(channels, channels, (k, 1), rngs=rngs),
                    ConvBN(channels, channels, (3, 3), dilation=k, rngs=rngs),
                ]
            )

        point = nnx.List([ConvBN(in_channels, channels, (1, 1), rngs=rngs)])
        self.branches = nnx.List([point, branch(3), branch(5), branch(7)])
        self.merge = ConvBN(4 * channels, channels, (3, 3), rngs=rngs)
        self.shortcut = ConvBN(in_channels, channels, (1, 1), rngs=rngs)

    def __call__(self, x: Float[Array, "b t h w i"]) -> Float[Array, "b t h w c"]:
        """Features of each frame t; frames are normalised one by one (see `BatchNorm`)."""
        outputs = []
        for branch in self.branches:
            out = x
            for layer in branch:
                out = layer(out)
            outputs.append(out)
        return jax.nn.relu(self.merge(jnp.concatenate(outputs, -1)) + self.shortcut(x))
