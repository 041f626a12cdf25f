"""Cross-attention as one TPU kernel forward and one for the gradient; the scores never leave fast memory.

Keys and values of a batch row stay in fast memory while blocks of queries pass by, so each score is final at once: no
online softmax. The gradient computes the scores again. Products add up in float32.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu
from jaxtyping import Array, Float

from jvlgs_jax.kernels.cross_attention.block_sizes import block_sizes
from jvlgs_jax.kernels.cross_attention.lanes import HeadGroup, head_groups
from jvlgs_jax.kernels.cross_attention.shapes import Shaped

# With fewer keys, the scores take no more memory than the queries do, and XLA needs none beyond its results.
_LEAST_KEYS = 16


def forward(
    query: Float[Array, "*b n h d"],
    key: Float[Array, "*b m h d"],
    value: Float[Array, "*b m h e"],
    *,
    scale: float,
) -> Float[Array, "*b n h e"]:
    """Returns softmax(scale * query . key) . value for each head; ValueError for keys that do not fit."""
    rows = _Rows(query, key, value)
    (out,) = rows.call(
        partial(_forward_kernel, groups=rows.groups, scale=scale),
        block=rows.blocks.forward,
        arrays=(rows.query, rows.key, rows.value),
        moving=(True, False, False),
        out=(_Out(rows.queries, rows.value.shape[-1], value.dtype, moves=True),),
        name="cross_attention",
    )
    return out.reshape(*query.shape[:-1], value.shape[-1])


def backward(
    query: Float[Array, "*b n h d"],
    key: Float[Array, "*b m h d"],
    value: Float[Array, "*b m h e"],
    upstream: Float[Array, "*b n h e"],
    *,
    scale: float,
) -> tuple[Float[Array, "*b n h d"], Float[Array, "*b m h d"], Float[Array, "*b m h e"]]:
    """Returns the gradients of query, key and value; ValueError for keys that do not fit."""
    rows = _Rows(query, key, value)
    of_query, of_key, of_value = rows.call(
        partial(_backward_kernel, groups=rows.groups, scale=scale, queries=rows.queries),
        block=rows.blocks.backward,
        arrays=(rows.query, rows.key, rows.value, upstream.reshape(*rows.query.shape[:2], -1)),
        moving=(True, False, False, True),
        out=(
            _Out(rows.queries, rows.query.shape[-1], query.dtype, moves=True),
            _Out(rows.keys, rows.key.shape[-1], key.dtype, moves=False),
            _Out(rows.keys, rows.value.shape[-1], value.dtype, moves=False),
        ),
        scratch=[pltpu.VMEM((rows.keys, x.shape[-1]), jnp.float32) for x in (rows.key, rows.value)],
        name="cross_attention_gradient",
    )
    return of_query.reshape(query.shape), of_key.reshape(key.shape), of_value.reshape(value.shape)


def pays(query: Shaped, key: Shaped, value: Shaped) -> bool:
    """Whether the kernels take such arrays and spare memory by it."""
    return key.shape[-3] >= _LEAST_KEYS and refuses(query, key, value) is None


def refuses(query: Shaped, key: Shaped, value: Shaped) -> str | None:
    """Returns what keeps the kernels from such arrays, or None."""
    for name, x in (("query", query), ("key", key), ("value", value)):
        if x.dtype not in (jnp.float32, jnp.bfloat16):
            return f"{name} is {x.dtype}, but must be float32 or bfloat16"
        if x.dtype != query.dtype:
            return f"{name} is {x.dtype}, but query is {query.dtype}"
    try:
        block_sizes(query.shape, key.shape, value.shape, query.dtype)
    except ValueError as error:
        return str(error)
    return None


class _Out(NamedTuple):
    """What a kernel writes for each batch row, and whether in blocks of queries."""

    rows: int
    width: int
    dtype: jnp.dtype
    moves: bool


class _Rows:
    """Query, key and value with all leading axes as one and all heads in one row."""

    def __init__(self, query: Array, key: Array, value: Array) -> None:
        self.queries, heads, width = query.shape[-3:]
        self.keys = key.shape[-3]
        self.query = query.reshape(-1, self.queries, heads * width)
        self.key = key.reshape(-1, self.keys, heads * width)
        self.value = value.reshape(-1, self.keys, heads * value.shape[-1])
        self.groups = head_groups(heads, width, value.shape[-1])
        self.blocks = block_sizes(query.shape, key.shape, value.shape, query.dtype)

    def call(
        self,
        kernel: Any,
        *,
        block: int,
        arrays: tuple[Array, ...],
        moving: tuple[bool, ...],
        out: tuple[_Out, ...],
        name: str,
        scratch: Sequence[Any] = (),
    ) -> Sequence[Array]:
        """Runs a kernel over blocks of queries, batch row by batch row; `moving`: which arrays come in such blocks."""
        batch = self.query.shape[0]

        def spec(rows: int, width: int, moves: bool) -> pl.BlockSpec:
            if moves:
                return pl.BlockSpec((None, block, width), lambda b, i: (b, i, 0))
            return pl.BlockSpec((None, rows, width), lambda b, i: (b, 0, 0))

        # Gradients of keys add up over the blocks of queries, which must then come one after another.
        along_queries = "parallel" if all(one.moves for one in out) else "arbitrary"
        place = jax.typeof(self.query).manual_axis_type
        return pl.pallas_call(
            kernel,
            grid=(batch, pl.cdiv(self.queries, block)),
            in_specs=[spec(x.shape[1], x.shape[2], moves) for x, moves in zip(arrays, moving, strict=True)],
            out_specs=[spec(one.rows, one.width, one.moves) for one in out],
            out_shape=[
                jax.ShapeDtypeStruct((batch, one.rows, one.width), one.dtype, manual_axis_type=place) for one in out
            ],
            scratch_shapes=scratch,
            compiler_params=pltpu.CompilerParams(dimension_semantics=("parallel", along_queries)),
            name=name,
        )(*arrays)


def _forward_kernel(
    query_ref: Any, key_ref: Any, value_ref: Any, out_ref: Any, *, groups: Sequence[HeadGroup], scale: float
) -> None:
    """One block of queries. What lies past the last query is read as anything, and what it becomes is not written."""
    for group in groups:
        query, key = query_ref[:, group.lanes], key_ref[:, group.lanes]
        value = value_ref[:, group.value_lanes]
        out = jnp.zeros((query.shape[0], value.shape[1]), jnp.float32)
        for head in group.heads:
            scores = _product(query, group.only(key, head, group.width), over=(1, 1))
            weights = jnp.exp(scale * (scores - scores.max(1, keepdims=True)))
            total = weights.sum(1, keepdims=True)
            own = group.only(value, head, group.value_width)
            out += _product(weights.astype(value.dtype), own, over=(1, 0)) * (1 / total)
        out_ref[:, group.value_lanes] = out.astype(out_ref.dtype)


def _backward_kernel(
    query_ref: Any,
    key_ref: Any,
    value_ref: Any,
    upstream_ref: Any,
    query_gradient_ref: Any,
    key_gradient_ref: Any,
    value_gradient_ref: Any,
    key_total_ref: Any,
    value_total_ref: Any,
    *,
    groups: Sequence[HeadGroup],
    scale: float,
    queries: int,
) -> None:
    """One block of queries. Scores lie with keys along the rows: then both sums over queries need no transposition."""
    block = pl.program_id(1)

    @pl.when(block == 0)
    def _() -> None:
        key_total_ref[...] = jnp.zeros_like(key_total_ref)
        value_total_ref[...] = jnp.zeros_like(value_total_ref)

    there = queries - block * query_ref.shape[0]
    for group in groups:
        query = _first_rows(query_ref[:, group.lanes], there, queries)
        upstream = _first_rows(upstream_ref[:, group.value_lanes], there, queries)
        key, value = key_ref[:, group.lanes], value_ref[:, group.value_lanes]
        query_gradient = jnp.zeros(query.shape, jnp.float32)
        for head in group.heads:
            own_key = group.only(key, head, group.width)
            scores = _product(own_key, query, over=(1, 1))
            weights = jnp.exp(scale * (scores - scores.max(0, keepdims=True)))
            weights = weights * (1 / weights.sum(0, keepdims=True))
            value_gradient = _product(weights.astype(upstream.dtype), upstream, over=(1, 0))
            value_total_ref[:, group.value_lanes] += group.only(value_gradient, head, group.value_width)

            along = _product(group.only(value, head, group.value_width), upstream, over=(1, 1))
            scores = scale * weights * (along - (along * weights).sum(0, keepdims=True))
            scores = scores.astype(query.dtype)
            key_total_ref[:, group.lanes] += group.only(_product(scores, query, over=(1, 0)), head, group.width)
            query_gradient += _product(scores, own_key, over=(0, 0))
        query_gradient_ref[:, group.lanes] = query_gradient.astype(query_gradient_ref.dtype)

    @pl.when(block == pl.num_programs(1) - 1)
    def _() -> None:
        key_gradient_ref[...] = key_total_ref[...].astype(key_gradient_ref.dtype)
        value_gradient_ref[...] = value_total_ref[...].astype(value_gradient_ref.dtype)


def _product(left: Array, right: Array, over: tuple[int, int]) -> Array:
    """The product of two matrices, summed along axis over[0] of one and over[1] of the other, in float32."""
    if left.shape[1 - over[0]] == 1 or right.shape[1 - over[1]] == 1:
        # A product with one vector is made elementwise, for which the compiler misses the conversion of narrow numbers.
        left, right = left.astype(jnp.float32), right.astype(jnp.float32)
    dimensions = (((over[0],), (over[1],)), ((), ()))
    return lax.dot_general(left, right, dimensions, preferred_element_type=jnp.float32)


def _first_rows(x: Array, count: Array, queries: int) -> Array:
    """Returns x with zeros from row `count` on: the last block may reach past the queries, where anything is read."""
    if queries % x.shape[0] == 0:
        return x
    row = lax.broadcasted_iota(jnp.int32, x.shape, 0)
    return jnp.where(row < count, x.astype(jnp.float32), 0).astype(x.dtype)
