"""Cross-attention in plain operations, in the order in which XLA computes them fastest on CPU (docs/kernels.md)."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def forward(
    query: Float[Array, "*b n h d"], key: Float[Array, "*b m h d"], value: Float[Array, "*b m h e"], *, scale: float
) -> Float[Array, "*b n h e"]:
    """Returns softmax(scale * query . key) . value for each head."""
    if key.shape[-3] == 1:
        return jnp.broadcast_to(value, (*query.shape[:-1], value.shape[-1]))
    query, key, value = map(_head_major, (query, key, value))
    weights = _weights(query, key, scale)
    total = weights.sum(-1, keepdims=True)
    out = jnp.einsum("...nm,...me->...ne", weights.astype(value.dtype), value, preferred_element_type=total.dtype)
    # Divided last, and once: that is one division a query, not one for each of its keys.
    return _head_major((out * (1 / total)).astype(value.dtype))


def backward(
    query: Float[Array, "*b n h d"],
    key: Float[Array, "*b m h d"],
    value: Float[Array, "*b m h e"],
    upstream: Float[Array, "*b n h e"],
    *,
    scale: float,
) -> tuple[Float[Array, "*b n h d"], Float[Array, "*b m h d"], Float[Array, "*b m h e"]]:
    """Returns the gradients of query, key and value; the scores are computed again."""
    if key.shape[-3] == 1:
        return jnp.zeros_like(query), jnp.zeros_like(key), upstream.sum(-3, keepdims=True)
    query, key, value, upstream = map(_head_major, (query, key, value, upstream))
    weights = _weights(query, key, scale)
    weights = weights * (1 / weights.sum(-1, keepdims=True))
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
    scores = jnp.einsum("...nd,...md->...nm", query, key, preferred_element_type=accumulate)
    return jnp.exp(scale * (scores - scores.max(-1, keepdims=True)))


def _head_major(x: Array) -> Array:
    """Swaps the axes of heads and positions: XLA's CPU backend multiplies a head's matrices faster where they lie."""
    return jnp.swapaxes(x, -2, -3)
