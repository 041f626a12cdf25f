import jax.numpy as jnp
import pytest

from jvlgs_jax.kernels.cross_attention import block_sizes as module
from jvlgs_jax.kernels.cross_attention.block_sizes import BlockSizes, block_sizes
from jvlgs_jax.kernels.cross_attention.lanes import head_groups
from jvlgs_jax.kernels.cross_attention.shapes import all_shapes


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_attention_of_the_network_fits(dtype: str):
    for shape in all_shapes():
        sizes = block_sizes(*shape.arrays().values(), jnp.dtype(dtype))
        for rows in (sizes.forward, sizes.backward):
            assert rows == shape.queries or rows % 128 == 0
            blocks = -(-shape.queries // rows)
            assert (blocks - 1) * rows < shape.queries  # none is empty


def test_a_tpu_with_more_fast_memory_takes_larger_blocks(monkeypatch):
    shapes = [(1, 9999, 4, 64), (1, 484, 4, 64), (1, 484, 4, 64)]
    rows = {}
    for kind in ("TPU v5 lite", "TPU v6 lite"):
        monkeypatch.setattr(module, "_device_kind", lambda kind=kind: kind)
        rows[kind] = block_sizes(*shapes, jnp.dtype("bfloat16"))
    assert rows["TPU v5 lite"].backward < rows["TPU v6 lite"].backward


def test_no_block_without_a_row():
    with pytest.raises(ValueError, match="backward: 0 rows of queries, the least is 1"):
        BlockSizes(forward=8, backward=0)


@pytest.mark.parametrize(
    ("heads", "width", "value_width", "groups"),
    [
        (1, 64, 32, [(0,)]),
        (5, 64, 64, [(0, 1), (2, 3), (4,)]),
        (5, 32, 32, [(0, 1, 2, 3), (4,)]),
        (4, 128, 256, [(0,), (1,), (2,), (3,)]),
        (4, 64, 32, [(0, 1, 2, 3)]),
        (3, 5, 7, [(0, 1, 2)]),
    ],
)
def test_groups_of_heads_begin_where_registers_do(heads, width, value_width, groups):
    found = head_groups(heads, width, value_width)
    assert [group.heads for group in found] == groups
    for group in found:
        assert group.lanes.start % 128 == group.value_lanes.start % 128 == 0
    assert found[-1].lanes.stop == heads * width
