"""Short-key cross-attention: many queries against few keys."""

import jax
import jax.numpy as jnp
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
    online softmax. Scores and softmax are at least float32; the result has the dtype of `value`.
    """
    accumulate = jnp.promote_types(query.dtype, jnp.float32)
    scores = jnp.einsum("...nhd,...mhd->...hnm", query, key, preferred_element_type=accumulate)
    weights = jax.nn.softmax(scores * scale, axis=-1).astype(value.dtype)
    return jnp.einsum("...hnm,...mhe->...nhe", weights, value)
