"""The kernels through the compiler of real TPUs, which knows what no interpreter does: layouts, memory, what it has."""

import importlib.util
import re
from functools import partial

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import SingleDeviceSharding

from jvlgs_jax.compile_check.compilation import kept_from_the_cache
from jvlgs_jax.compile_check.devices import target_devices
from jvlgs_jax.compile_check.targets import find_target
from jvlgs_jax.kernels.cross_attention import cross_attention
from jvlgs_jax.kernels.cross_attention.shapes import AttentionShape, all_shapes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="no libtpu: pip install 'jvlgs-jax[tpu]'"),
]

# Each different attention once: b2 attends as b5 does.
SHAPES = list({tuple(shape.arrays().values()): shape for shape in all_shapes()}.values())


def compiled(shape: AttentionShape, dtype: str, target: str, implementation: str) -> jax.stages.Compiled:
    """Output and gradients."""
    place = SingleDeviceSharding(target_devices(find_target(target))[0])
    attend = partial(cross_attention, scale=shape.scale, implementation=implementation)

    def run(query, key, value):
        out, pullback = jax.vjp(attend, query, key, value)
        return out, *pullback(out)

    arrays = [jax.ShapeDtypeStruct(x, jnp.dtype(dtype), sharding=place) for x in shape.arrays().values()]
    with kept_from_the_cache():
        return jax.jit(run).lower(*arrays).compile()


@pytest.mark.parametrize("target", ["v5e-1", "v5p-8", "v6e-1"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_forward_and_gradient_compile_at_every_named_shape(target: str, dtype: str):
    for shape in SHAPES:
        if shape.name.endswith("batch 8"):  # batch rows are turns of a loop, of one program
            text = compiled(shape, dtype, target, "pallas_tpu").as_text()
            assert text.count('custom_call_target="tpu_custom_call"') == 2, shape.name


def test_no_scores_are_in_main_memory():
    shape = next(shape for shape in SHAPES if shape.name == "b5 stage 2, 352x352, batch 8")
    scores = re.compile(rf"\[(?:\d+,)*(?:{shape.queries},{shape.keys}|{shape.keys},{shape.queries})(?:,\d+)*\]")
    by_xla, by_kernel = (compiled(shape, "bfloat16", "v5e-1", name) for name in ("xla", "pallas_tpu"))
    assert scores.search(by_xla.as_text())
    assert not scores.search(by_kernel.as_text())
    assert by_kernel.memory_analysis().temp_size_in_bytes < 2**20 < by_xla.memory_analysis().temp_size_in_bytes
