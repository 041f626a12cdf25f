"""What a larger attention kernel would spare, compiled for a TPU that need not be here. The package has none of it.

python benchmarks/attention_fusions.py --target v5e-1

A block of the first stage of b5 at 352 x 352, 8 clips of three frames, bfloat16, forward: the query's projection, the
attention and the output's projection in one kernel, against the attention alone in one. "Moved" is what XLA accesses
outside of kernels and, once each, the arguments and results of kernels.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu
from jax.sharding import SingleDeviceSharding

from jvlgs_jax.compile_check.devices import target_devices
from jvlgs_jax.compile_check.targets import find_target
from jvlgs_jax.kernels.cross_attention import cross_attention
from jvlgs_jax.models.pvt_v2 import Block, PvtV2Config, SpatialReductionAttention, patch_projection

FRAMES, SIDE = 24, 88  # 8 clips of three frames; of the first stage's map
BLOCK = 968  # queries at a time


def _dot(left: jax.Array, right: jax.Array, over: tuple[int, int]) -> jax.Array:
    dimensions = (((over[0],), (over[1],)), ((), ()))
    return lax.dot_general(left, right, dimensions, preferred_element_type=jnp.float32)


def _softmax_product(query: jax.Array, key: jax.Array, value: jax.Array, scale: float) -> jax.Array:
    scores = _dot(query, key, (1, 1))
    weights = jnp.exp(scale * (scores - scores.max(1, keepdims=True)))
    total = weights.sum(1, keepdims=True)
    return _dot(weights.astype(value.dtype), value, (1, 0)) / total


def _projecting_kernel(
    x: Any, key: Any, value: Any, into: Any, into_bias: Any, out_of: Any, out_bias: Any, result: Any, *, scale: float
) -> None:
    query = (_dot(x[...], into[...], (1, 0)) + into_bias[...]).astype(x.dtype)
    out = _softmax_product(query, key[...], value[...], scale).astype(x.dtype)
    result[...] = (_dot(out, out_of[...], (1, 0)) + out_bias[...]).astype(result.dtype)


def attention_alone(attention: SpatialReductionAttention, x: jax.Array, key: jax.Array, value: jax.Array) -> jax.Array:
    """The package's kernel between two projections."""
    heads = [y[:, :, None] for y in (attention.query(x), key, value)]
    out = cross_attention(*heads, scale=x.shape[-1] ** -0.5, implementation="pallas_tpu")
    return attention.projection(out[:, :, 0])


def projected_attention(
    attention: SpatialReductionAttention, x: jax.Array, key: jax.Array, value: jax.Array
) -> jax.Array:
    """One head: x is read once and the projected result written once."""
    batch, queries, width = x.shape
    keys = key.shape[1]
    layers = (attention.query, attention.projection)
    weights = [array[...].reshape(-1, width) for layer in layers for array in (layer.kernel, layer.bias)]
    moving = pl.BlockSpec((None, BLOCK, width), lambda b, i: (b, i, 0))
    still = pl.BlockSpec((None, keys, width), lambda b, i: (b, 0, 0))
    return pl.pallas_call(
        partial(_projecting_kernel, scale=width**-0.5),
        grid=(batch, pl.cdiv(queries, BLOCK)),
        in_specs=[moving, still, still, *(pl.BlockSpec(array.shape, lambda b, i: (0, 0)) for array in weights)],
        out_specs=moving,
        out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype),
        compiler_params=pltpu.CompilerParams(dimension_semantics=("parallel", "parallel")),
        name="projected_attention",
    )(x, key, value, *weights)


Attend = Callable[[SpatialReductionAttention, jax.Array, jax.Array, jax.Array], jax.Array]
KERNELS: dict[str, Attend] = {"attention alone": attention_alone, "with both projections": projected_attention}


def block(model: Block, x: jax.Array, *, attend: Attend) -> jax.Array:
    """`models.pvt_v2.Block` whose attention, projections included, is `attend`."""
    attention, inner = model.attention, model.norm1(x)
    assert attention.reduction is not None
    assert attention.reduction_norm is not None
    source = attention.reduction_norm(patch_projection(inner, attention.reduction))
    key, value = jnp.split(attention.key_value(source).reshape(len(x), -1, 2 * x.shape[-1]), 2, axis=-1)
    rows = inner.reshape(len(x), -1, x.shape[-1])
    out = attend(attention, rows, key, value)
    x = x + out.reshape(x.shape)
    return x + model.mlp(model.norm2(x))


def moved(program: jax.stages.Compiled, kernels: int) -> str:
    """What a program needs, in words; `kernels` is the bytes of its kernels' arguments and results."""
    memory = program.memory_analysis()
    assert memory is not None
    accessed = program.cost_analysis()["bytes accessed"]
    return (
        f"temporary {memory.temp_size_in_bytes / 2**20:.1f} MiB, moved {(accessed + kernels) / 2**20:.0f} MiB, "
        f"of it by kernels {kernels / 2**20:.0f}"
    )


def compiled(function: Callable, model: nnx.Module, shape: tuple[int, ...], device: jax.Device) -> jax.stages.Compiled:
    """The function of a model and a map, in bfloat16."""
    place = SingleDeviceSharding(device)
    graphdef, state = nnx.split(model)
    narrow = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, jnp.bfloat16, sharding=place), state)
    x = jax.ShapeDtypeStruct(shape, jnp.bfloat16, sharding=place)
    return jax.jit(lambda state, x: function(nnx.merge(graphdef, state), x)).lower(narrow, x).compile()


def main() -> None:
    """Prints a line for each kernel."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", default="v5e-1")
    device = target_devices(find_target(parser.parse_args().target))[0]
    config = PvtV2Config.variant("b5")
    width, reduction = config.dims[0], config.reductions[0]
    model = nnx.eval_shape(lambda: Block(width, config.heads[0], config.mlp_ratios[0], reduction, rngs=nnx.Rngs(0)))
    rows = 2 * FRAMES * width * SIDE**2  # bytes of one map
    few = 2 * FRAMES * width * (SIDE // reduction) ** 2
    for name, attend in KERNELS.items():
        program = compiled(partial(block, attend=attend), model, (FRAMES, SIDE, SIDE, width), device)
        print(f"block of stage 1, {name}: {moved(program, 2 * rows + 2 * few)}", flush=True)


if __name__ == "__main__":
    main()
