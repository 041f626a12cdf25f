"""Attention alone, compiled for a target: what each implementation needs there, forward and with its gradient."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jax.sharding import SingleDeviceSharding

from jvlgs_jax.compile_check.compilation import Compilation, compile_for
from jvlgs_jax.compile_check.devices import target_devices
from jvlgs_jax.compile_check.targets import CUDA, TPU, Target
from jvlgs_jax.kernels.cross_attention import timing
from jvlgs_jax.kernels.cross_attention.implementations import IMPLEMENTATIONS
from jvlgs_jax.kernels.cross_attention.shapes import AttentionShape

# cuDNN is left out: JAX asks the GPU that is here what cuDNN can do.
_COMPILED = {TPU: ("reference", "xla", "pallas_tpu"), CUDA: ("reference", "xla")}


def compile_attention(
    shape: AttentionShape, dtype: jnp.dtype, target: Target
) -> Iterator[tuple[str, dict[str, Compilation]]]:
    """Compiles one attention for one device of `target`: each direction's name, and what each implementation needs.

    UserError if the compiler for the target is not installed.
    """
    place = SingleDeviceSharding(target_devices(target)[0])
    arrays = [jax.ShapeDtypeStruct(x, dtype, sharding=place) for x in shape.arrays().values()]
    names = [name for name in _COMPILED[target.platform] if IMPLEMENTATIONS[name].refuses(*arrays) is None]
    for direction, program in timing.PROGRAMS.items():
        yield (
            direction,
            {name: compile_for(target.chip, program(name, shape.scale).trace(*arrays)) for name in names},
        )
