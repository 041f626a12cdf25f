"""BatchNorm with the published program's statistics."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.models.global_batch import global_mean, global_rows

MOMENTUM = 0.9  # PyTorch writes it 0.1: the weight of the new batch
EPSILON = 1e-5


class BatchNorm(nnx.Module):
    """Normalises each group of a (batch, group, height, width, channel) array by its own batch statistics.

    The published program passes the frames of a clip, and later the frame pairs, through the same layer one after
    the other: each pass is normalised by itself and moves the running statistics. Here the passes are the groups of
    one array, and the running statistics move as if the groups had come in order. The statistics are those of the
    global batch, however its rows are shared by devices (`global_batch`).

    `train()` and `eval()` of the enclosing module switch between batch and running statistics.
    """

    def __init__(self, channels: int):
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))
        self.mean = nnx.BatchStat(jnp.zeros(channels))
        self.var = nnx.BatchStat(jnp.ones(channels))
        self.count = nnx.BatchStat(jnp.zeros((), jnp.int32))  # passes seen; kept because the published files have it
        self.use_running_average = False

    def __call__(self, x: Float[Array, "b g h w c"]) -> Float[Array, "b g h w c"]:
        """Normalises, scales and shifts; in training mode also moves the running statistics."""
        if self.use_running_average:
            mean, var = self.mean[...], self.var[...]
        else:
            mean, var = self._batch_statistics(x)
        factor = self.scale[...] * jax.lax.rsqrt(var + EPSILON)
        return ((x - mean) * factor + self.bias[...]).astype(x.dtype)

    def _batch_statistics(self, x: Float[Array, "b g h w c"]) -> tuple[Array, Array]:
        _, groups, height, width, _ = x.shape
        size = global_rows(x) * height * width
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        mean = global_mean(wide, (0, 2, 3), keepdims=True)
        var = global_mean(jnp.square(wide - mean), (0, 2, 3), keepdims=True)
        # Running variance is unbiased, the one normalised with is not: PyTorch's convention.
        unbiased = var * (size / max(size - 1, 1))
        weights = (1 - MOMENTUM) * MOMENTUM ** jnp.arange(groups - 1, -1, -1, dtype=wide.dtype)
        # Assigned to [...], a traced array is asked for its sharding, and JAX writes an error message of where it comes
        # from: half of the time to trace a training step.
        self.mean.set_value(MOMENTUM**groups * self.mean[...] + weights @ mean[0, :, 0, 0])
        self.var.set_value(MOMENTUM**groups * self.var[...] + weights @ unbiased[0, :, 0, 0])
        self.count.set_value(self.count[...] + groups)
        return mean, var
