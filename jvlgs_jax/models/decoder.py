"""Feature-pyramid decoder and the fusion of the two frame pairs."""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.models.convolution import conv, resize_bilinear


class FpnDecoder(nnx.Module):
    """Adds coarse levels into finer ones and predicts one logit a pixel; plain convolutions, no activations."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        self.smooth = nnx.List([conv(channels, channels, (3, 3), rngs=rngs) for _ in range(3)])
        self.head = conv(channels, 1, (1, 1), rngs=rngs)

    def __call__(self, levels: Sequence[Float[Array, "b k _ _ c"]], size: tuple[int, int]) -> Float[Array, "b k H W 1"]:
        """Logits at `size` = (height, width) from levels ordered fine to coarse."""
        fine, middle, coarse = levels
        middle = self.smooth[1](middle + _resize_like(coarse, middle))
        fine = self.smooth[0](fine + _resize_like(middle, fine))
        return resize_bilinear(self.head(self.smooth[2](fine)), size)


def _resize_like(x: Float[Array, "b k _ _ c"], other: Float[Array, "b k H W c"]) -> Float[Array, "b k H W c"]:
    height, width = other.shape[2:4]
    return resize_bilinear(x, (height, width))


class PairFusion(nnx.Module):
    """Three convolutions, without activations, from the logits of both pairs to the final ones."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        widths = [(2, channels), (channels, channels), (channels, 1)]
        self.layers = nnx.List([conv(inputs, outputs, (3, 3), rngs=rngs) for inputs, outputs in widths])

    def __call__(self, pair_logits: Float[Array, "b 2 h w 1"]) -> Float[Array, "b h w 1"]:
        """Fused logits of the reference frame."""
        x = jnp.moveaxis(pair_logits[..., 0], 1, -1)
        for layer in self.layers:
            x = layer(x)
        return x
