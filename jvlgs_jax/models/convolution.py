"""Convolutions with the published network's padding and initial values."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax
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


def kernel_and_bias(layer: nnx.Conv) -> tuple[Float[Array, "k l i o"], Float[Array, " o"]]:
    """The arrays of a convolution, for code that applies it in a form of its own."""
    assert layer.bias is not None
    return layer.kernel[...], layer.bias[...]


class ConvBN(nnx.Module):
    """Convolution without bias, then BatchNorm; no activation (`BasicConv2d` in the published program)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, int],
        *,
        stride: int = 1,
        dilation: int = 1,
        rngs: nnx.Rngs,
    ):
        self.conv = conv(
            in_channels, out_channels, kernel_size, stride=stride, dilation=dilation, use_bias=False, rngs=rngs
        )
        self.norm = BatchNorm(out_channels)

    def __call__(self, x: Float[Array, "b g h w i"]) -> Float[Array, "b g H W o"]:
        """Maps channels; statistics are those of each group g (see `BatchNorm`)."""
        return self.norm(self.conv(x))


class DepthwiseConv3x3(nnx.Module):
    """A 3 x 3 filter for each channel, zero padded, with bias."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        # Fan-out initialisation of PVTv2: a depthwise filter has 9 outputs.
        init = nnx.initializers.normal((2 / 9) ** 0.5)
        self.kernel = nnx.Param(init(rngs.params(), (3, 3, channels)))
        self.bias = nnx.Param(jnp.zeros(channels))

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        """Filters each channel by itself."""
        return depthwise_filter(x, self.kernel[...]) + self.bias[...]


@jax.custom_vjp
def depthwise_filter(x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c"]) -> Float[Array, "b h w c"]:
    """Correlates each channel with its own 3 x 3 kernel, zero padded.

    Nine shifted multiply-adds: XLA fuses them into one pass over memory on any backend, where its grouped convolution
    was measured 20 to 30 times slower on CPU. The gradient is written out for the same reason: derived by autodiff,
    it was measured to make a whole feed-forward layer two to four times slower there (benchmarks/network_parts.py).
    """
    height, width = x.shape[1:3]
    padded, kernel = _zero_bordered(x), _held(kernel.astype(jnp.promote_types(x.dtype, jnp.float32)))
    out = jnp.zeros(x.shape, kernel.dtype)
    for dy in range(3):
        for dx in range(3):
            out = out + padded[:, dy : dy + height, dx : dx + width] * kernel[dy, dx]
    return out.astype(x.dtype)


def _depthwise_forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return depthwise_filter(x, kernel), (x, kernel)


def _depthwise_backward(saved: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    x, kernel = saved
    return depthwise_filter(gradient, kernel[::-1, ::-1]), _kernel_gradient(x, gradient).astype(kernel.dtype)


def _kernel_gradient(x: Array, gradient: Array) -> Array:
    # Row by row, so that the nine products of a row stay in cache, and with a sum for each column and clip until the
    # end: adding arrays uses a processor's wide registers, where summing over their leading axes does not. The batch,
    # which may be sharded, stays whole.
    padded = _zero_bordered(x)
    batch, height, width, channels = x.shape
    wide = jnp.promote_types(x.dtype, jnp.float32)

    def add_row(totals: list[Array], row: Array) -> tuple[list[Array], None]:
        upstream = lax.dynamic_index_in_dim(gradient, row, 1, keepdims=False).astype(wide)
        rows = [lax.dynamic_index_in_dim(padded, row + dy, 1, keepdims=False).astype(wide) for dy in range(3)]
        taps = [r[:, dx : dx + width] for r in rows for dx in range(3)]
        return [total + tap * upstream for total, tap in zip(totals, taps, strict=True)], None

    # Like the gradient, so that inside `shard_map` the loop starts from what differs between devices, as it goes on.
    zeros = [jnp.zeros_like(gradient, wide, (batch, width, channels))] * 9
    totals, _ = lax.scan(add_row, zeros, jnp.arange(height))
    return jnp.stack([total.sum((0, 1)) for total in totals]).reshape(3, 3, channels)


def _held(kernel: Array) -> Array:
    """The same kernel, computed before the loop that applies it, and not in it.

    In a scanned stage the kernel is a slice of the stack of all blocks' kernels. XLA's CPU backend fuses that slicing
    into the loop over the map, which then takes from twice to five times as long. It fuses no matrix product, so there
    the kernel is multiplied by the identity.
    """

    def product(kernel: Array) -> Array:
        taps = kernel.reshape(9, -1)
        identity = jnp.eye(9, dtype=taps.dtype)
        return jnp.matmul(identity, taps, precision=lax.Precision.HIGHEST).reshape(kernel.shape)

    return lax.platform_dependent(kernel, cpu=product, default=lambda kernel: kernel)


def _zero_bordered(x: Array) -> Array:
    return jnp.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])


depthwise_filter.defvjp(_depthwise_forward, _depthwise_backward)


def resize_bilinear(x: Float[Array, "*b h w c"], size: tuple[int, int]) -> Float[Array, "*b H W c"]:
    """Resizes to `size` = (height, width): bilinear, half-pixel centres, no antialias."""
    shape = (*x.shape[:-3], *size, x.shape[-1])
    return jax.image.resize(x, shape, method="bilinear", antialias=False)
