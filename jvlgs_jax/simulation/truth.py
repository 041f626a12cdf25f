"""What is true of a frame: where there is gas, and whether anyone could see it."""

import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

CLEAR, GAS_PIXEL, IGNORED = 0, 1, 255


def gas_mask(
    optical_depth: Float[Array, "h w"],
    contrast: Float[Array, "h w"],
    *,
    threshold: float,
    least_contrast: Float[Array, ""],
) -> UInt8[Array, "h w"]:
    """Returns 1 where the optical depth reaches `threshold`, but 255 where that gas is fainter than `least_contrast`.

    255 stands for gas that no one could see: neither a hit nor a miss should count there.
    """
    seen = jnp.where(jnp.abs(contrast) >= least_contrast, GAS_PIXEL, IGNORED)
    return jnp.where(optical_depth >= threshold, seen, CLEAR).astype(jnp.uint8)


def contrast_to_noise(
    mask: UInt8[Array, "h w"], contrast: Float[Array, "h w"], noise: Float[Array, ""]
) -> Float[Array, ""]:
    """Returns the mean contrast of the gas, seen or not, in deviations of a pixel's noise; 0 without gas."""
    gas = mask != CLEAR
    return jnp.sum(jnp.abs(contrast) * gas) / jnp.maximum(jnp.sum(gas), 1) / noise
