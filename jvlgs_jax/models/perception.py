"""Group-wise spatial attention (GSA)."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.models.convolution import ConvBN, conv

GROUPS = 6


class GroupSpatialAttention(nnx.Module):
    """Splits expanded channels into groups that pass information on, then gates and merges them."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        hidden = channels // 2
        total = GROUPS * hidden
        self.expand = ConvBN(channels, total, (1, 1), rngs=rngs)
        # The first group has no fork to read, the last none to write.
        widths = [(hidden, 3 * hidden), *[(2 * hidden, 3 * hidden)] * (GROUPS - 2), (2 * hidden, 2 * hidden)]
        self.interact = nnx.List([ConvBN(inputs, outputs, (3, 3), rngs=rngs) for inputs, outputs in widths])
        self.gate_squeeze = conv(total, hidden, (1, 1), rngs=rngs)
        self.gate_excite = conv(hidden, total, (1, 1), rngs=rngs)
        self.merge = ConvBN(total, channels, (3, 3), rngs=rngs)

    def __call__(self, x: Float[Array, "b k h w c"]) -> Float[Array, "b k h w c"]:
        """Refined features of each frame pair k."""
        chunks = jnp.split(jax.nn.relu(self.expand(x)), GROUPS, -1)
        outs, gates, forks = [], [], []
        for chunk, layer in zip(chunks, self.interact, strict=True):
            mixed = jax.nn.relu(layer(jnp.concatenate([chunk, *forks], -1)))
            out, *forks, gate = jnp.split(mixed, mixed.shape[-1] // chunk.shape[-1], -1)
            outs.append(out)
            gates.append(gate)
        mean = jnp.concatenate(gates, -1).mean((2, 3), keepdims=True)
        scores = self.gate_excite(jax.nn.relu(self.gate_squeeze(mean)))
        gate = jax.nn.softmax(scores.astype(jnp.promote_types(x.dtype, jnp.float32)), -1).astype(x.dtype)
        return jax.nn.relu(x + self.merge(jnp.concatenate(outs, -1) * gate))
