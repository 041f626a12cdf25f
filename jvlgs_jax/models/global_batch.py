"""Sums and means over a batch of which each device holds some rows.

Inside `jax.shard_map` an array is what one device holds; these functions then take in the rows of all devices.
Elsewhere an array is whole, however it may be cut over devices, and they are plain sums and means. So they are in
`each_device_alone`, where every device has a batch of its own, such as another task.
"""

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import jax
from jaxtyping import Array, Float

_alone: ContextVar[bool] = ContextVar("_alone", default=False)


@contextmanager
def each_device_alone() -> Generator[None]:
    """Makes the batch of each device its own while a function is traced in it."""
    token = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(token)


def global_sum(x: Float[Array, "*n"]) -> Float[Array, ""]:
    """Returns the sum of all elements on all devices."""
    axes = _device_axes()
    return jax.lax.psum(x.sum(), axes) if axes else x.sum()


def global_mean(
    x: Float[Array, "*n"], axis: Sequence[int] | None = None, *, keepdims: bool = False
) -> Float[Array, "*m"]:
    """Returns the mean along `axis`, by default of all elements, over all devices."""
    axes, mean = _device_axes(), x.mean(None if axis is None else tuple(axis), keepdims=keepdims)
    return jax.lax.pmean(mean, axes) if axes else mean


def global_rows(x: Float[Array, "b *n"]) -> int:
    """Returns the length of the first axis, summed over all devices."""
    return x.shape[0] * math.prod(jax.lax.axis_size(axis) for axis in _device_axes())


def _device_axes() -> tuple[str, ...]:
    """The axes of the mesh along which the enclosing `shard_map` has cut its arrays; none outside of one."""
    return () if _alone.get() else tuple(jax.sharding.get_abstract_mesh().manual_axes)
