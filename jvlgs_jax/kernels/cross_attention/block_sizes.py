"""How many queries a block of the TPU kernels holds, by what a kind of TPU keeps in fast memory."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jvlgs_jax.kernels.cross_attention.lanes import LANES

MIB = 2**20

# Bytes of fast memory that the compiler gives one kernel unless told otherwise, by `device_kind`.
_FAST_MEMORY = {"TPU v4": 16 * MIB, "TPU v5 lite": 16 * MIB, "TPU v5": 16 * MIB, "TPU v6 lite": 32 * MIB}
_LEAST_FAST_MEMORY = min(_FAST_MEMORY.values())
_MOST_ROWS = 1024
_SHARE = 0.5  # of it that the estimate below may reach: the compiler keeps more than we count

# Score blocks alive at once, in float32.
_FORWARD_SCORES, _BACKWARD_SCORES = 2, 4


@dataclass(frozen=True)
class BlockSizes:
    """Rows of queries that one step of each kernel takes."""

    forward: int
    backward: int

    def __post_init__(self) -> None:
        for name in ("forward", "backward"):
            rows = getattr(self, name)
            if rows < 1:
                raise ValueError(f"{name}: {rows} rows of queries, the least is 1")


def block_sizes(query: tuple[int, ...], key: tuple[int, ...], value: tuple[int, ...], dtype: jnp.dtype) -> BlockSizes:
    """Returns the sizes for arrays of these shapes, "*b n h d"; ValueError naming the one that is too large.

    They are the largest multiples of 128 that fit, then made even: where 1,024 rows fit, 1,100 are two blocks of 640.
    """
    limit = int(_SHARE * _fast_memory())
    queries, heads, width = query[-3:]
    keys, value_width = key[-3], value[-1]
    size = jnp.dtype(dtype).itemsize
    row = _padded(heads * width), _padded(heads * value_width)
    resident = 2 * keys * sum(row) * size  # key and value; twice, for the next ones are fetched meanwhile
    gradients = 2 * keys * sum(row) * size + keys * sum(row) * 4
    scores = _padded(keys) * 4
    forward = _rows(limit - resident, 2 * sum(row) * size + row[1] * 4 + _FORWARD_SCORES * scores)
    backward = _rows(
        limit - resident - gradients, 2 * (2 * row[0] + row[1]) * size + row[0] * 4 + _BACKWARD_SCORES * scores
    )
    if not forward or not backward:
        raise ValueError(
            f"key: {keys} positions of {heads} heads x {width} do not fit in the {limit // MIB} MiB of fast memory "
            "that a kernel may use: take 'xla'"
        )
    return BlockSizes(forward=_even(queries, forward), backward=_even(queries, backward))


def _fast_memory() -> int:
    """Of the device here; a process without a TPU may compile for any."""
    return _FAST_MEMORY.get(_device_kind(), _LEAST_FAST_MEMORY)


def _device_kind() -> str:
    return jax.devices()[0].device_kind


def _rows(limit: int, each: int) -> int:
    return min(max(limit, 0) // each // LANES * LANES, _MOST_ROWS)


def _even(queries: int, most: int) -> int:
    if queries <= most:
        return queries  # a block of all rows may have any number of them
    blocks = -(-queries // most)
    return _padded(-(-queries // blocks))


def _padded(lanes: int) -> int:
    return -(-lanes // LANES) * LANES
