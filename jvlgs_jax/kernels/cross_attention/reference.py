"""Cross-attention as its definition reads: products, softmax, products. All else is measured against it."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def forward(
    query: Float[Array, "*b n h d"], key: Float[Array, "*b m h d"], value: Float[Array, "*b m h e"], *, scale: float
) -> Float[Array, "*b n h e"]:
    """Returns softmax(scale * query . key) . value for each head."""
    accumulate = jnp.promote_types(query.dtype, jnp.float32)
    scores = scale * jnp.einsum("...nhd,...mhd->...hnm", query, key, preferred_element_type=accumulate)
    weights = jax.nn.softmax(scores, axis=-1).astype(value.dtype)
    out = jnp.einsum("...hnm,...mhe->...nhe", weights, value, preferred_element_type=accumulate)
    return out.astype(value.dtype)
