"""Feature-pyramid decoder and the fusion of the two frame pairs."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax
from jaxtyping import Array, Float

from jvlgs_jax.models.convolution import ConvBN, conv, kernel_and_bias, resize_bilinear


class FpnDecoder(nnx.Module):
    """Adds coarse levels into finer ones and predicts one logit a pixel; plain convolutions, no activations."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        self.smooth = nnx.List([conv(channels, channels, (3, 3), rngs=rngs) for _ in range(3)])
        self.head = conv(channels, 1, (1, 1), rngs=rngs)

    def __call__(self, levels: Sequence[Float[Array, "b _ _ _ _"]], size: tuple[int, int]) -> Float[Array, "b _ H W 1"]:
        """Logits at `size` = (height, width) from all levels, fine to coarse."""
        return resize_bilinear(self.head(self.features(levels)), size)

    def features(self, levels: Sequence[Float[Array, "b k _ _ c"]]) -> Float[Array, "b k _ _ _"]:
        """What the head sees: one vector a position, of which it makes one logit."""
        return self.pyramid(levels)

    def pyramid(self, levels: Sequence[Float[Array, "b k _ _ c"]]) -> Float[Array, "b k _ _ c"]:
        """The finest level with all coarser ones added in."""
        fine, middle, coarse = levels
        middle = self.smooth[1](middle + _resize_like(coarse, middle))
        fine = self.smooth[0](fine + _resize_like(middle, fine))
        return self.smooth[2](fine)


class DetailMaps(nnx.Module):
    """Maps at strides 2 and 4 for the fine decoder, made of the encoder's first map and of the input planes. Ours.

    The encoder's patches are 4 pixels apart and normalised one by one: how strong a small difference between the planes
    is, and where it ends, is hardly in them.
    """

    def __init__(self, encoder_channels: int, channels: int, *, rngs: nnx.Rngs):
        self.half = ConvBN(3, channels // 2, (5, 5), stride=2, rngs=rngs)
        self.quarter = ConvBN(channels // 2, channels, (3, 3), stride=2, rngs=rngs)
        self.lateral = ConvBN(encoder_channels, channels, (1, 1), rngs=rngs)

    def __call__(
        self, frames: Float[Array, "b t h w 3"], encoded: Float[Array, "b t _ _ e"]
    ) -> list[Float[Array, "b t _ _ _"]]:
        """Maps at strides 2 (of half the channels) and 4 of normalised frames; `encoded` is at stride 4."""
        half = jax.nn.relu(self.half(frames))
        return [half, jax.nn.relu(self.quarter(half)) + self.lateral(encoded)]


class FineFpnDecoder(FpnDecoder):
    """Goes on from the published pyramid to stride 2, where plumes a few pixels wide still show. Ours.

    The maps at strides 2 and 4 are of the reference frame alone: they say where edges are, the pyramid what is gas.
    """

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        super().__init__(channels, rngs=rngs)
        narrow = channels // 2
        self.refine = nnx.List([ConvBN(channels, channels, (3, 3), rngs=rngs) for _ in range(2)])
        self.narrow = conv(channels, narrow, (1, 1), rngs=rngs)
        self.finish = ConvBN(narrow, narrow, (3, 3), rngs=rngs)
        self.head = conv(narrow, 1, (1, 1), rngs=rngs)

    def features(self, levels: Sequence[Float[Array, "b _ _ _ _"]]) -> Float[Array, "b k _ _ _"]:
        """What the head sees, from levels at strides 2, 4, 8, 16 and 32; the first two have no pairs."""
        half, quarter, *coarser = levels
        x = quarter + _resize_like(self.pyramid(coarser), quarter)
        for layer in self.refine:
            x = jax.nn.relu(layer(x))
        x = half + _resize_like(self.narrow(x), half)
        return jax.nn.relu(self.finish(x))


def _resize_like(x: Float[Array, "b k _ _ c"], other: Float[Array, "b _ H W c"]) -> Float[Array, "b k H W c"]:
    height, width = other.shape[2:4]
    return resize_bilinear(x, (height, width))


class PairFusion(nnx.Module):
    """Three convolutions, without activations, from the logits of both pairs to the final ones.

    Away from the border they are one 7 x 7 filter, which takes a hundredth of the arithmetic of the three at full
    size. Within three pixels of the border the zeros that each layer pads with matter, so the layers run there.
    """

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        widths = [(2, channels), (channels, channels), (channels, 1)]
        self.layers = nnx.List([conv(inputs, outputs, (3, 3), rngs=rngs) for inputs, outputs in widths])

    def __call__(self, pair_logits: Float[Array, "b 2 h w 1"]) -> Float[Array, "b h w 1"]:
        """Fused logits of the reference frame."""
        x = jnp.moveaxis(pair_logits[..., 0], 1, -1)
        reach, strip = len(self.layers), 2 * len(self.layers)  # a strip's own far edge spoils half of its rows
        if min(x.shape[1:3]) <= strip:
            return self._layered(x)
        top, bottom = self._layered(x[:, :strip])[:, :reach], self._layered(x[:, -strip:])[:, reach:]
        left, right = self._layered(x[:, :, :strip])[:, :, :reach], self._layered(x[:, :, -strip:])[:, :, reach:]
        rows = slice(reach, -reach)
        middle = jnp.concatenate([left[:, rows], self._collapsed(x), right[:, rows]], 2)
        return jnp.concatenate([top, middle, bottom], 1)

    def _layered(self, x: Float[Array, "b h w 2"]) -> Float[Array, "b h w 1"]:
        for layer in self.layers:
            x = layer(x)
        return x

    def _collapsed(self, x: Float[Array, "b h w 2"]) -> Float[Array, "b _ _ 1"]:
        """The layers as one filter, where it does not reach over the border."""
        first, *rest = self.layers
        kernel, bias = kernel_and_bias(first)
        for layer in rest:
            kernel, bias = _chain(kernel, bias, *kernel_and_bias(layer))
        return lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")) + bias


def _chain(
    first: Float[Array, "k k i m"], bias: Float[Array, " m"], second: Float[Array, "l l m o"], last: Float[Array, " o"]
) -> tuple[Float[Array, "_ _ i o"], Float[Array, " o"]]:
    """The filter and bias that two convolutions in a row amount to."""
    reach = second.shape[0] - 1
    kernel = lax.conv_general_dilated(
        first, second[::-1, ::-1], (1, 1), [(reach, reach)] * 2, dimension_numbers=("HWNC", "HWIO", "HWNC")
    )
    return kernel, bias @ second.sum((0, 1)) + last
