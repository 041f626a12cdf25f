"""Temporal correlation volume (TCV): non-local attention over a pair of frames."""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.kernels.cross_attention import cross_attention
from jvlgs_jax.models.convolution import ConvBN, conv


class TemporalCorrelation(nnx.Module):
    """Each position of a stacked frame pair attends to the max-pooled pair; one module a pyramid level.

    `pool` is the pooling window s. A map smaller than the window is pooled whole, so that there is always a key:
    the published program needs maps of at least s pixels, as any input from 256 x 256 gives.
    """

    def __init__(self, channels: int, pool: int, *, rngs: nnx.Rngs):
        self.pool = pool
        self.value = conv(2 * channels, channels, (1, 1), rngs=rngs)
        # Zero, as the published program starts its non-local block: it begins as the identity.
        zeros = nnx.initializers.zeros_init()
        self.projection = conv(channels, 2 * channels, (1, 1), kernel_init=zeros, rngs=rngs)
        self.merge = conv(4 * channels, 2 * channels, (1, 1), rngs=rngs)
        self.out = ConvBN(2 * channels, channels, (3, 3), rngs=rngs)
        self.implementation: str | None = None  # of the attention; see Jvlgs

    def __call__(
        self, reference: Float[Array, "b k h w c"], other: Float[Array, "b k h w c"]
    ) -> Float[Array, "b k h w c"]:
        """Correlation of the reference frame with the other frame, for each pair k of a window."""
        x = jnp.concatenate([reference, other], -1)
        query = x.reshape(*x.shape[:2], -1, 1, x.shape[-1])
        # No scale: the published attention is a plain softmax of dot products.
        key, value = self._pooled(x), self._pooled(self.value(x))
        y = cross_attention(query, key, value, scale=1.0, implementation=self.implementation)
        z = x + self.projection(y.reshape(*x.shape[:-1], -1))
        return self.out(self.merge(jnp.concatenate([x, z], -1)))

    def _pooled(self, x: Float[Array, "b k h w c"]) -> Float[Array, "b k m 1 c"]:
        height, width = x.shape[2:4]
        window = (min(self.pool, height), min(self.pool, width))
        pooled = nnx.max_pool(x, window, strides=window, padding="VALID")
        return pooled.reshape(*x.shape[:2], -1, 1, x.shape[-1])
