"""Video compression as a recorder does it: each frame is coded as its difference from the last decoded one.

8×8 cosine blocks of the difference are quantised, fine frequencies more coarsely, with a dead zone: small changes are
skipped, the background stands still, and blocks jump when the difference has grown large enough.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

BLOCK = 8
_DEAD_ZONE = 0.33  # rounding offset: a level is reached from 1 - this on, as encoders choose to


def _cosine_matrix() -> Float[np.ndarray, "8 8"]:
    k, n = np.mgrid[:BLOCK, :BLOCK]
    matrix = np.sqrt(2 / BLOCK) * np.cos(np.pi * k * (2 * n + 1) / (2 * BLOCK))
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)


_COSINES = _cosine_matrix()
_RELATIVE_STEP = (1 + 0.25 * np.add.outer(np.arange(BLOCK), np.arange(BLOCK))).astype(np.float32)


def transmit(frame: Float[Array, "h w"], decoded: Float[Array, "h w"], step: Float[Array, ""]) -> Float[Array, "h w"]:
    """Returns the next decoded frame, given the last one; `step` quantises the lowest coefficients, in grey levels."""
    height, width = frame.shape
    blocks = (frame - decoded).reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    spectrum = jnp.einsum("ij,ajbk,lk->abil", _COSINES, blocks, _COSINES)
    unit = step * _RELATIVE_STEP
    levels = jnp.sign(spectrum) * jnp.floor(jnp.abs(spectrum) / unit + _DEAD_ZONE)
    change = jnp.einsum("ij,abil,lk->ajbk", _COSINES, levels * unit, _COSINES)
    return jnp.clip(decoded + change.reshape(height, width), 0, 255)
