"""Moves gas with the wind: a flux-form finite-volume scheme, so that what leaves one cell enters the next.

Second order (Lax-Wendroff with the monotonised-central limiter), one direction after the other, each sweep on the
mixing ratio left by the one before, so that air of even concentration stays even in a wind without divergence.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jvlgs_jax.simulation.flow import Velocity


def carry(
    density: Float[Array, "h w"], velocity: Velocity, diffusivity: Float[Array, ""] | float, *, step: float
) -> Float[Array, "h w"]:
    """Carries `density` with the wind, and spreads it, for `step` frames; clean air blows in from the edges.

    Stable while step × (speed + 2 × diffusivity) stays below 1 in each direction; diffusivity in cells² a frame.
    """
    across, down, spread = velocity.across * step, velocity.down * step, diffusivity * step
    swept = density - jnp.diff(_flux(density, across, spread), axis=1)
    air = 1 - jnp.diff(across, axis=1)  # what the first sweep did to air; the second one undoes it
    return swept - jnp.diff(_flux((swept / air).T, down.T, spread), axis=1).T


def _flux(
    value: Float[Array, "h w"], courant: Float[Array, "h faces"], spread: Float[Array, ""] | float
) -> Float[Array, "h faces"]:
    """What crosses the faces of each row, from left to right."""
    padded = jnp.pad(value, ((0, 0), (2, 2)))
    change = jnp.diff(padded, axis=1)
    before, after = change[:, :-1], change[:, 1:]
    central = (before + after) / 2
    slope = jnp.sign(central) * jnp.minimum(jnp.abs(central), 2 * jnp.minimum(jnp.abs(before), jnp.abs(after)))
    slope = jnp.where(before * after > 0, slope, 0)
    inner = padded[:, 1:-1]
    left = inner[:, :-1] + (1 - courant) / 2 * slope[:, :-1]
    right = inner[:, 1:] - (1 + courant) / 2 * slope[:, 1:]
    return courant * jnp.where(courant > 0, left, right) - spread * change[:, 1:-1]
