"""Cross-attention by cuDNN, through JAX's own function for it."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jvlgs_jax.kernels.cross_attention.shapes import Shaped

_LEAST_KEYS = 16  # few keys are no work for it, and were never tried on a GPU
_MOST_LANES = 128  # of a head: what cuDNN takes on every GPU that it knows
_LANES_STEP = 8


def forward(
    query: Float[Array, "*b n h d"], key: Float[Array, "*b m h d"], value: Float[Array, "*b m h e"], *, scale: float
) -> Float[Array, "*b n h e"]:
    """Returns softmax(scale * query . key) . value for each head."""
    (queries, _, width), keys, value_width = query.shape[-3:], key.shape[-3], value.shape[-1]
    # It wants values as wide as keys; what zeros are worth to a query is cut off again.
    wide = jnp.pad(value, [(0, 0)] * (value.ndim - 1) + [(0, width - value_width)])
    flat = [_even(x.reshape(-1, *x.shape[-3:])) for x in (query, key, wide)]
    lengths = [None, None]
    if queries % 2 or keys % 2:
        lengths = [jnp.full(len(flat[0]), count, jnp.int32) for count in (queries, keys)]
    out = jax.nn.dot_product_attention(
        *flat,
        scale=scale,
        query_seq_lengths=lengths[0],
        key_value_seq_lengths=lengths[1],
        implementation="cudnn",
    )
    return out[:, :queries, :, :value_width].reshape(*query.shape[:-1], value_width)


def _even(x: Float[Array, "b n h d"]) -> Float[Array, "b _ h d"]:
    """Adds a row where their number is odd: JAX refuses a gradient of cuDNN's with an odd number of rows."""
    return jnp.pad(x, ((0, 0), (0, x.shape[1] % 2), (0, 0), (0, 0)))


def is_here() -> bool:
    """Whether this process has a cuDNN to ask what it can do, as programs for it must be made."""
    return jax.default_backend() == "gpu"


def pays(query: Shaped, key: Shaped, value: Shaped) -> bool:
    """Whether cuDNN is here, takes such arrays and has enough keys to be worth calling."""
    return is_here() and key.shape[-3] >= _LEAST_KEYS and refuses(query, key, value) is None


def refuses(query: Shaped, key: Shaped, value: Shaped) -> str | None:
    """Returns what keeps cuDNN from such arrays, or None."""
    dtypes = {x.dtype for x in (query, key, value)}
    if len(dtypes) > 1 or not dtypes <= {jnp.dtype(jnp.bfloat16), jnp.dtype(jnp.float16)}:
        return f"query, key and value are {', '.join(sorted(map(str, dtypes)))}, but must be bfloat16 or float16"
    width, value_width = query.shape[-1], value.shape[-1]
    if width > _MOST_LANES or width % _LANES_STEP:
        return f"query: heads of {width}, but must be of a multiple of {_LANES_STEP} up to {_MOST_LANES}"
    if value_width > width:
        return f"value: heads of {value_width}, but must be no wider than the query's, {width}"
    return None
