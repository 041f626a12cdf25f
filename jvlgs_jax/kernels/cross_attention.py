"""Short-key cross-attention: many queries against few keys."""

from functools import partial

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float


def cross_attention(
    query: Float[Array, "*b n h d"],
    key: Float[Array, "*b m h d"],
    value: Float[Array, "*b m h e"],
    *,
    scale: float,
) -> Float[Array, "*b n h e"]:
    """Returns softmax(scale * query . key) . value for each head h.

    Every attention of this network has few keys (m <= 484 at 352 x 352), so scores are computed whole, without an
    online softmax; the gradient computes them again instead of keeping them. Scores and softmax are at least float32;
    the result has the dtype of `value`.
    """
    return _attend(query, key, value, scale)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _attend(query: Array, key: Array, value: Array, scale: float) -> Array:
    query, key, value = map(_head_major, (query, key, value))
    weights = _weights(query, key, scale)
    total = weights.sum(-1, keepdims=True)
    # Divided last: m divisions a query would be more than e.
    out = jnp.einsum("...nm,...me->...ne", weights.astype(value.dtype), value, preferred_element_type=total.dtype)
    return _head_major((out / total).astype(value.dtype))


def _forward(query: Array, key: Array, value: Array, scale: float) -> tuple[Array, tuple[Array, Array, Array]]:
    return _attend(query, key, value, scale), (query, key, value)


def _backward(scale: float, saved: tuple[Array, Array, Array], gradient: ArrayLike) -> tuple[Array, Array, Array]:
    query, key, value, upstream = map(_head_major, (*saved, jnp.asarray(gradient)))
    weights = _weights(query, key, scale)
    weights = weights / weights.sum(-1, keepdims=True)
    value_gradient = jnp.einsum("...nm,...ne->...me", weights.astype(value.dtype), upstream)
    along = jnp.einsum("...ne,...me->...nm", upstream, value, preferred_element_type=weights.dtype)
    scores = scale * weights * (along - (along * weights).sum(-1, keepdims=True))
    scores = scores.astype(query.dtype)
    query_gradient = jnp.einsum("...nm,...md->...nd", scores, key)
    key_gradient = jnp.einsum("...nm,...nd->...md", scores, query)
    return _head_major(query_gradient), _head_major(key_gradient), _head_major(value_gradient)


def _weights(query: Array, key: Array, scale: float) -> Array:
    """The softmax of the scores but for its denominator, in at least float32."""
    accumulate = jnp.promote_types(query.dtype, jnp.float32)
    scores = scale * jnp.einsum("...nd,...md->...nm", query, key, preferred_element_type=accumulate)
    return jnp.exp(scores - scores.max(-1, keepdims=True))


def _head_major(x: Array) -> Array:
    """Swaps the axes of heads and positions: XLA's CPU backend multiplies a head's matrices faster where they lie."""
    return jnp.swapaxes(x, -2, -3)


_attend.defvjp(_forward, _backward)
