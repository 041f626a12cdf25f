"""Video encoder: Pyramid Vision Transformer v2 (Wang et al., 2022, arXiv:2106.13797)."""

import dataclasses
import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.errors import UserError
from jvlgs_jax.kernels.cross_attention import cross_attention
from jvlgs_jax.models.convolution import DepthwiseConv3x3, conv, kernel_and_bias

STRIDES = (4, 8, 16, 32)  # of the four stages; sides of pictures are multiples of the last

# Stages of at most so many blocks are not scanned: it spares them the copies of what a scan saves for the gradient.
_UNROLLED = 2

# What the scanned blocks keep for the gradient: all, their inputs alone, or also the results of their linear layers.
# What is not kept is computed again.
REMAT_POLICIES: dict[str, Callable[[Callable], Callable]] = {
    "none": lambda block: block,
    "full": jax.checkpoint,
    "dots": partial(jax.checkpoint, policy=jax.checkpoint_policies.dots_with_no_batch_dims_saveable),
}

_linear_init = nnx.initializers.truncated_normal(0.02)


def _conv_init(kernel_size: int, out_channels: int) -> nnx.Initializer:
    return nnx.initializers.normal(math.sqrt(2 / (kernel_size**2 * out_channels)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class PvtV2Config:
    """Sizes of the four stages; UserError for some that no network can have."""

    dims: tuple[int, ...] = (64, 128, 320, 512)
    depths: tuple[int, ...] = (3, 6, 40, 3)
    heads: tuple[int, ...] = (1, 2, 5, 8)
    mlp_ratios: tuple[int, ...] = (4, 4, 4, 4)
    reductions: tuple[int, ...] = (8, 4, 2, 1)  # spatial reduction of keys and values

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            sizes = getattr(self, field.name)
            if len(sizes) != len(STRIDES) or min(sizes) < 1:
                raise UserError(
                    f"model.encoder.{field.name} is {sizes}, it must be {len(STRIDES)} numbers of 1 or more, "
                    f"one of each stage: the published one is {field.default}"
                )
        if any(dim % heads for dim, heads in zip(self.dims, self.heads, strict=True)):
            raise UserError(
                f"model.encoder.dims is {self.dims}, each must be a multiple of its number in heads, {self.heads}: "
                "change one of the two"
            )
        smallest = tuple(STRIDES[-1] // stride for stride in STRIDES)  # sides of the maps of the smallest picture
        if any(side % reduction for side, reduction in zip(smallest, self.reductions, strict=True)):
            raise UserError(
                f"model.encoder.reductions is {self.reductions}, each must divide its number in {smallest}: use those"
            )

    @classmethod
    def variant(cls, name: str) -> "PvtV2Config":
        """The published sizes by name, "b0" to "b5"."""
        wide, narrow, deep = (64, 128, 320, 512), (32, 64, 160, 256), (8, 8, 4, 4)
        sizes = {
            "b0": (narrow, (2, 2, 2, 2), deep),
            "b1": (wide, (2, 2, 2, 2), deep),
            "b2": (wide, (3, 4, 6, 3), deep),
            "b3": (wide, (3, 4, 18, 3), deep),
            "b4": (wide, (3, 8, 27, 3), deep),
            "b5": (wide, (3, 6, 40, 3), (4, 4, 4, 4)),
        }
        dims, depths, mlp_ratios = sizes[name]
        return cls(dims=dims, depths=depths, mlp_ratios=mlp_ratios)

    @classmethod
    def tiny(cls) -> "PvtV2Config":
        """A few thousand parameters, for tests."""
        return cls(dims=(8, 16, 16, 16), depths=(1, 1, 2, 1), heads=(1, 2, 2, 2), mlp_ratios=(2, 2, 2, 2))


class SpatialReductionAttention(nnx.Module):
    """Self-attention whose keys and values come from a map shrunk by a strided convolution."""

    def __init__(self, dim: int, heads: int, reduction: int, *, rngs: nnx.Rngs):
        self.heads = heads
        self.query = nnx.Linear(dim, dim, kernel_init=_linear_init, rngs=rngs)
        self.key_value = nnx.Linear(dim, 2 * dim, kernel_init=_linear_init, rngs=rngs)
        self.projection = nnx.Linear(dim, dim, kernel_init=_linear_init, rngs=rngs)
        if reduction > 1:
            window = (reduction, reduction)
            init = _conv_init(reduction, dim)
            self.reduction = nnx.Conv(dim, dim, window, window, padding="VALID", kernel_init=init, rngs=rngs)
            self.reduction_norm = nnx.LayerNorm(dim, epsilon=1e-5, rngs=rngs)
        else:
            self.reduction = self.reduction_norm = None
        self.implementation: str | None = None  # of the attention; see Jvlgs

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        """Attends from every position to the shrunk map."""
        batch, _, _, dim = x.shape
        head_dim = dim // self.heads
        query = self.query(x).reshape(batch, -1, self.heads, head_dim)
        source = x
        if self.reduction is not None and self.reduction_norm is not None:
            source = self.reduction_norm(patch_projection(x, self.reduction))
        # b h w (two heads head_dim) -> two of: b (h w) heads head_dim
        key_value = self.key_value(source).reshape(batch, -1, 2, self.heads, head_dim)
        key, value = key_value[:, :, 0], key_value[:, :, 1]
        out = cross_attention(query, key, value, scale=head_dim**-0.5, implementation=self.implementation)
        return self.projection(out.reshape(x.shape))


def patch_projection(x: Float[Array, "b h w i"], layer: nnx.Conv) -> Float[Array, "b H W o"]:
    """Applies a convolution whose stride is its size, so that its windows tile the map: one matrix product.

    The gradient of XLA's strided convolution is up to six times slower on CPU (benchmarks/network_parts.py).
    """
    kernel, bias = kernel_and_bias(layer)
    batch, height, width, channels = x.shape
    rows, columns = kernel.shape[:2]
    tiles = x.reshape(batch, height // rows, rows, width // columns, columns, channels)
    return jnp.einsum("bhrwki,rkio->bhwo", tiles, kernel) + bias


def gelu(x: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """Exact GELU by the error function; `jax.nn.gelu` takes its complement, which is slower on CPU."""
    return 0.5 * x * (1 + jax.lax.erf(x * math.sqrt(0.5)))


class ConvMlp(nnx.Module):
    """Feed-forward layer with a depthwise convolution before the activation."""

    def __init__(self, dim: int, hidden: int, *, rngs: nnx.Rngs):
        self.expand = nnx.Linear(dim, hidden, kernel_init=_linear_init, rngs=rngs)
        self.depthwise = DepthwiseConv3x3(hidden, rngs=rngs)
        self.project = nnx.Linear(hidden, dim, kernel_init=_linear_init, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        """Mixes channels and 3 x 3 neighbours.

        The gradient computes the filter and the activation again from the expanded map, the one wide map that it
        keeps. That is quicker on CPU than to store and load the five wide maps otherwise kept (docs/speed.md).
        """
        return jax.checkpoint(self._narrow, prevent_cse=False)(self.expand(x))

    def _narrow(self, expanded: Array) -> Array:
        return self.project(gelu(self.depthwise(expanded)))


class Block(nnx.Module):
    """Pre-norm transformer block."""

    def __init__(self, dim: int, heads: int, mlp_ratio: int, reduction: int, *, rngs: nnx.Rngs):
        self.norm1 = nnx.LayerNorm(dim, epsilon=1e-6, rngs=rngs)
        self.attention = SpatialReductionAttention(dim, heads, reduction, rngs=rngs)
        self.norm2 = nnx.LayerNorm(dim, epsilon=1e-6, rngs=rngs)
        self.mlp = ConvMlp(dim, mlp_ratio * dim, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        """Attention, then feed-forward, each added to its input."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nnx.Module):
    """Overlapping patches: a strided convolution and a LayerNorm."""

    def __init__(self, in_channels: int, dim: int, kernel_size: int, stride: int, *, rngs: nnx.Rngs):
        window, init = (kernel_size, kernel_size), _conv_init(kernel_size, dim)
        self.projection = conv(in_channels, dim, window, stride=stride, kernel_init=init, rngs=rngs)
        self.norm = nnx.LayerNorm(dim, epsilon=1e-5, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b H W o"]:
        """Shrinks the map by the stride."""
        return self.norm(self.projection(x))


class Stage(nnx.Module):
    """Patch embedding, `depth` equal blocks and a LayerNorm.

    The blocks' parameters are stacked on a leading axis and scanned, so compile time does not grow with depth: a stage
    of any depth compiles no more blocks than a short one.
    `set_attributes(remat=NAME)` of the enclosing module chooses one of REMAT_POLICIES.
    """

    def __init__(self, config: PvtV2Config, index: int, *, rngs: nnx.Rngs):
        dim, depth = config.dims[index], config.depths[index]
        in_channels = config.dims[index - 1] if index else 3
        kernel_size, stride = (3, 2) if index else (7, 4)
        self.patch_embed = PatchEmbed(in_channels, dim, kernel_size, stride, rngs=rngs)

        @nnx.split_rngs(splits=depth)
        @nnx.vmap(in_axes=(0,), out_axes=0)
        def stacked_blocks(rngs: nnx.Rngs) -> Block:
            return Block(dim, config.heads[index], config.mlp_ratios[index], config.reductions[index], rngs=rngs)

        self.blocks = stacked_blocks(rngs)
        self.norm = nnx.LayerNorm(dim, epsilon=1e-6, rngs=rngs)
        self.remat = "none"

    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b H W o"]:
        """The stage's normalised map, which also feeds the next stage."""
        graphdef, stacked = nnx.split(self.blocks)
        depth = jax.tree.leaves(stacked)[0].shape[0]

        @REMAT_POLICIES[self.remat]
        def step(x: Array, params: nnx.State) -> tuple[Array, None]:
            return nnx.merge(graphdef, params)(x), None

        x, _ = jax.lax.scan(step, self.patch_embed(x), stacked, unroll=depth if depth <= _UNROLLED else 1)
        return self.norm(x)


class PvtV2(nnx.Module):
    """Four stages at strides 4, 8, 16 and 32."""

    def __init__(self, config: PvtV2Config, *, rngs: nnx.Rngs):
        self.stages = nnx.List([Stage(config, index, rngs=rngs) for index in range(len(STRIDES))])

    def __call__(self, frames: Float[Array, "b h w 3"]) -> list[Float[Array, "b _ _ _"]]:
        """Feature maps of the four stages; height and width must be divisible by 32."""
        height, width = frames.shape[1:3]
        if height % STRIDES[-1] or width % STRIDES[-1]:
            raise ValueError(f"frames: {height} x {width} pixels, but both must be divisible by {STRIDES[-1]}")
        maps, x = [], frames
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def count_parameters(module: nnx.Module) -> int:
    """How many trained numbers a module holds."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(nnx.state(module, nnx.Param)))
