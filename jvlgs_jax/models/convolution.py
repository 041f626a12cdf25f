"""Convolutions with the published network's padding and initial values."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.models.batch_norm import BatchNorm

# What a layer of the published network starts from where the program says nothing: uniform in +-1/sqrt(fan_in).
default_kernel_init = nnx.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


def conv(
    in_channels: int,
    out_channels: int,
    kernel_size: tuple[int, int],
    *,
    stride: int = 1,
    dilation: int = 1,
    use_bias: bool = True,
    kernel_init: nnx.Initializer = default_kernel_init,
    rngs: nnx.Rngs,
) -> nnx.Conv:
    """A 2-D convolution that pads dilation * (k // 2) zeros on every side.

    This is explicit because "SAME" pads strided convolutions on the far side only.
    """
    return nnx.Conv(
        in_channels,
        out_channels,
        kernel_size,
        strides=stride,
        kernel_dilation=dilation,
        padding=tuple((dilation * (k // 2), dilation * (k // 2)) for k in kernel_size),  # a tuple: hashable
        use_bias=use_bias,
        kernel_init=kernel_init,
        rngs=rngs,
    )


class ConvBN(nnx.Module):
    """Convolution without bias, then BatchNorm; no activation (`BasicConv2d` in the published program)."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: tuple[int, int], *, dilation: int = 1, rngs: nnx.Rngs
    ):
        self.conv = conv(in_channels, out_channels, kernel_size, dilation=dilation, use_bias=False, rngs=rngs)
        self.norm = BatchNorm(out_channels)

    def __call__(self, x: Float[Array, "b g h w i"]) -> Float[Array, "b g h w o"]:
        """Maps channels; statistics are those of each group g (see `BatchNorm`)."""
        return self.norm(self.conv(x))


class DepthwiseConv3x3(nnx.Module):
    """A 3 x 3 filter for each channel, zero padded, with bias.

    Written as nine shifted multiply-adds: XLA fuses them into one pass over memory on any backend, where its grouped
    convolution was measured 20 to 30 times slower on CPU.
    """

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        # Fan-out initialisation of PVTv2: a depthwise filter has 9 outputs.
        init = nnx.initializers.normal((2 / 9) ** 0.5)
        self.kernel = nnx.Param(init(rngs.params(), (3, 3, channels)))
        self.bias = nnx.Param(jnp.zeros(channels))

    def __call__(self, x: Float[Array, "*b h w c"]) -> Float[Array, "*b h w c"]:
        """Filters each channel by itself."""
        height, width = x.shape[-3:-1]
        padded = jnp.pad(x, [(0, 0)] * (x.ndim - 3) + [(1, 1), (1, 1), (0, 0)])
        kernel = self.kernel[...]
        out = jnp.broadcast_to(self.bias[...], x.shape)
        for dy in range(3):
            for dx in range(3):
                out = out + padded[..., dy : dy + height, dx : dx + width, :] * kernel[dy, dx]
        return out


def resize_bilinear(x: Float[Array, "*b h w c"], size: tuple[int, int]) -> Float[Array, "*b H W c"]:
    """Resizes to `size` = (height, width): bilinear, half-pixel centres, no antialias."""
    shape = (*x.shape[:-3], *size, x.shape[-1])
    return jax.image.resize(x, shape, method="bilinear", antialias=False)
