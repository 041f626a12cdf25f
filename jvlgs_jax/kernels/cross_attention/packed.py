"""Cross-attention of several heads to a handful of keys: one matrix product for all heads instead of one for each.

Keys of different heads stand side by side, each with zeros where the channels of other heads are. That multiplies many
zeros, but products of 4 by 8 numbers, one a head and query, leave most of a machine idle (docs/kernels.md).
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jvlgs_jax.kernels.cross_attention.shapes import Shaped

_MOST_KEYS = 15  # with 16, the kernel of TPUs pays


def pays(query: Shaped, key: Shaped, value: Shaped) -> bool:
    """Says whether packing is the fastest in plain operations: several heads, and few keys but more than one."""
    return 1 < key.shape[-3] <= _MOST_KEYS and key.shape[-2] > 1


def forward(
    query: Float[Array, "*b n h d"], key: Float[Array, "*b m h d"], value: Float[Array, "*b m h e"], *, scale: float
) -> Float[Array, "*b n h e"]:
    """Returns softmax(scale * query . key) . value for each head."""
    weights = _weights(query, key, scale)
    out = jnp.einsum("...nx,...xc->...nc", _joined(weights).astype(value.dtype), _side_by_side(value))
    return out.reshape(*query.shape[:-1], value.shape[-1])


def backward(
    query: Float[Array, "*b n h d"],
    key: Float[Array, "*b m h d"],
    value: Float[Array, "*b m h e"],
    upstream: Float[Array, "*b n h e"],
    *,
    scale: float,
) -> tuple[Float[Array, "*b n h d"], Float[Array, "*b m h d"], Float[Array, "*b m h e"]]:
    """Returns the gradients of query, key and value; the scores are computed again."""
    weights = _weights(query, key, scale)
    along = jnp.einsum(
        "...nc,...xc->...nx", _joined(upstream), _side_by_side(value), preferred_element_type=weights.dtype
    ).reshape(weights.shape)
    scores = scale * weights * (along - (along * weights).sum(-1, keepdims=True))
    scores = _joined(scores.astype(query.dtype))
    query_gradient = jnp.einsum("...nx,...xc->...nc", scores, _side_by_side(key)).reshape(query.shape)
    key_gradient = jnp.einsum("...nx,...nc->...xc", scores, _joined(query))
    value_gradient = jnp.einsum("...nx,...nc->...xc", _joined(weights).astype(value.dtype), _joined(upstream))
    return query_gradient, _apart(key_gradient, key), _apart(value_gradient, value)


def _weights(query: Array, key: Array, scale: float) -> Float[Array, "*b n h m"]:
    """The softmax of the scores, in at least float32."""
    accumulate = jnp.promote_types(query.dtype, jnp.float32)
    scores = jnp.einsum("...nc,...xc->...nx", _joined(query), _side_by_side(key), preferred_element_type=accumulate)
    scores = scores.reshape(*query.shape[:-1], key.shape[-3])
    weights = jnp.exp(scale * (scores - scores.max(-1, keepdims=True)))
    return weights * (1 / weights.sum(-1, keepdims=True))


def _joined(x: Float[Array, "*b n h c"]) -> Float[Array, "*b n hc"]:
    return x.reshape(*x.shape[:-2], -1)


def _side_by_side(x: Float[Array, "*b m h c"]) -> Float[Array, "*b hm hc"]:
    """A row for each head and key: the key's channels in the head's place, zeros elsewhere."""
    *batch, m, h, c = x.shape
    return jnp.einsum("...mhc,hg->...hmgc", x, jnp.eye(h, dtype=x.dtype)).reshape(*batch, h * m, h * c)


def _apart(x: Float[Array, "*b hm hc"], like: Float[Array, "*b m h c"]) -> Float[Array, "*b m h c"]:
    """Takes each head's channels out of the rows of that head."""
    *batch, m, h, c = like.shape
    return jnp.einsum("...hmhc->...mhc", x.reshape(*batch, h, m, h, c))
