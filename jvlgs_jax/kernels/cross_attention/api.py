"""The one attention that the models call."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jvlgs_jax.kernels.cross_attention import xla
from jvlgs_jax.kernels.cross_attention.implementations import IMPLEMENTATIONS, best, find_implementation


def cross_attention(
    query: Float[Array, "*b n h d"],
    key: Float[Array, "*b m h d"],
    value: Float[Array, "*b m h e"],
    *,
    scale: float,
    implementation: str | None = None,
) -> Float[Array, "*b n h e"]:
    """Returns softmax(scale * query . key) . value for each head h.

    Every attention of this network has few keys (m <= 484 at 352 x 352), so scores are computed whole, without an
    online softmax; the gradient computes them again instead of keeping them. Scores and softmax are at least float32;
    the result has the dtype of `value`. Gradients can be taken of gradients, as second-order meta-learning does:
    whatever the implementation, the second derivative is that of plain operations.

    `implementation` is one of IMPLEMENTATIONS. None leaves the choice to `best`, for the platform that the program is
    compiled for, whatever this process runs on. ValueError for empty arrays, shapes that do not go together or that
    the named implementation refuses, naming the array, and for a scale that is not positive and finite; UserError for
    an unknown name.
    """
    _check_shapes(query, key, value)
    if not 0 < scale < math.inf:
        raise ValueError(f"scale: {scale}, but it must be positive and finite")
    if implementation is not None:
        refusal = find_implementation(implementation).refuses(query, key, value)
        if refusal is not None:
            raise ValueError(f"{implementation}: {refusal}")
    return _attend(*_alike_over_devices(query, key, value), scale, implementation)


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _attend(query: Array, key: Array, value: Array, scale: float, implementation: str | None) -> Array:
    return _run("forward", implementation, scale, query, key, value)


def _forward(
    query: Array, key: Array, value: Array, scale: float, implementation: str | None
) -> tuple[Array, tuple[Array, Array, Array]]:
    return _attend(query, key, value, scale, implementation), (query, key, value)


def _backward(
    scale: float, implementation: str | None, saved: tuple[Array, Array, Array], gradient: ArrayLike
) -> tuple[Array, Array, Array]:
    found = _gradients(scale, implementation, *saved, jnp.asarray(gradient))
    # An array wider than its product's partner would get a gradient as wide as both.
    of_query, of_key, of_value = (x.astype(like.dtype) for x, like in zip(found, saved, strict=True))
    return of_query, of_key, of_value


_attend.defvjp(_forward, _backward)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _gradients(scale: float, implementation: str | None, *arrays: Array) -> tuple[Array, Array, Array]:
    return _run("backward", implementation, scale, *arrays)


@_gradients.defjvp
def _second_order(
    scale: float, implementation: str | None, arrays: tuple[Array, ...], tangents: tuple[Array, ...]
) -> tuple[Any, Any]:
    """Kernels have no derivative: that of plain operations stands in, and only it; the gradient stays theirs."""
    found = _gradients(scale, implementation, *arrays)
    _, moved = jax.jvp(partial(xla.backward, scale=scale), arrays, tangents)
    return found, tuple(change.astype(x.dtype) for change, x in zip(moved, found, strict=True))


def _run(direction: str, implementation: str | None, scale: float, *arrays: Array) -> Any:
    """Applies "forward" or "backward" of an implementation, or of the best one for each platform."""

    def apply(name: str) -> partial:
        return partial(getattr(IMPLEMENTATIONS[name], direction), scale=scale)

    if implementation is not None:
        return apply(implementation)(*arrays)
    chosen = {platform: best(platform, *arrays[:3]) for platform in ("tpu", "cuda")}
    otherwise = best("cpu", *arrays[:3])
    special = {platform: apply(name) for platform, name in chosen.items() if name != otherwise}
    return lax.platform_dependent(*arrays, **special, default=apply(otherwise))


def _alike_over_devices(*arrays: Array) -> list[Array]:
    """Inside `shard_map`, marks all as each device's own if one is: JAX then sums the gradients of the others."""
    axes = frozenset().union(*(jax.typeof(x).manual_axis_type.varying for x in arrays))
    own = [tuple(axes - jax.typeof(x).manual_axis_type.varying) for x in arrays]
    return [lax.pcast(x, missing, to="varying") if missing else x for x, missing in zip(arrays, own, strict=True)]


def _check_shapes(query: Array, key: Array, value: Array) -> None:
    for name, x in (("query", query), ("key", key), ("value", value)):
        if x.ndim < 3:
            raise ValueError(f"{name}: shape {x.shape}, but it must end in positions, heads and lanes")
        if x.size == 0:
            raise ValueError(f"{name}: shape {x.shape}, but it must not be empty")
    if key.shape[:-3] != query.shape[:-3] or key.shape[-2:] != query.shape[-2:]:
        raise ValueError(f"key: shape {key.shape} differs from the query's, {query.shape}, in more than positions")
    if value.shape[:-1] != key.shape[:-1]:
        raise ValueError(f"value: shape {value.shape} differs from the key's, {key.shape}, in more than lanes")
