"""Wind over the plume's grid: two-dimensional, incompressible by construction.

The velocity is the curl of one stream function, sampled at the corners of the cells, so that the flux through the four
faces of a cell sums to zero but for rounding. The stream function adds mean wind with shear, gusts, an updraught over
the source (buoyant gas rises, then bends over with the wind) and inertial-range eddies; near a round obstacle it fades
to a constant (Bridson et al. 2007), so that nothing crosses the obstacle's edge.

Rows grow downward, columns to the right; speeds are in cells a frame.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jvlgs_jax.simulation.spectral_noise import EvolvingNoise, evolving_noise, power_law, wavenumbers

# Velocity amplitude a mode falls as wavenumber ** -4/3 where energy falls as ** -5/3, in two dimensions.
_STREAM_SLOPE = 7 / 3


class FlowParameters(NamedTuple):
    """One plume's wind."""

    wind: Float[Array, "2"]  # (down, across)
    shear: Float[Array, ""]  # relative change of the wind across over the height of the grid
    gust: Float[Array, "2"]  # amplitude (down, across)
    gust_period: Float[Array, "2"]  # frames
    gust_phase: Float[Array, "2"]
    updraught: Float[Array, ""]  # upward speed above the source
    updraught_width: Float[Array, ""]  # cells
    source: Float[Array, "2"]  # (row, column), cells
    turbulence: Float[Array, ""]  # deviation of each velocity component
    eddy_size: Float[Array, ""]  # cells
    eddy_change: Float[Array, ""]  # see `evolving_noise`
    obstacle: Float[Array, "3"]  # row, column, radius in cells; radius 0: none
    key: Key[Array, ""]


class Velocity(NamedTuple):
    """Speeds through the faces of the cells."""

    across: Float[Array, "h columns"]  # columns = w + 1
    down: Float[Array, "rows w"]  # rows = h + 1


def eddies(flow: FlowParameters, size: tuple[int, int]) -> EvolvingNoise:
    """Draws the eddies' stream function, of unit velocity deviation, carried along by the mean wind."""
    amplitude = power_law(size, slope=_STREAM_SLOPE, largest=flow.eddy_size)
    noise = evolving_noise(flow.key, amplitude, drift=flow.wind, change=flow.eddy_change)
    squared = jnp.sum(wavenumbers(size) ** 2, axis=0)
    energy = jnp.sum(jnp.abs(noise.spectrum) ** 2 * squared) / noise.spectrum.size**2 / 4
    return noise._replace(spectrum=noise.spectrum / jnp.sqrt(energy))


def velocity(flow: FlowParameters, noise: EvolvingNoise, time: Float[Array, ""]) -> Velocity:
    """Returns the wind at `time` (frames)."""
    stream = _stream_function(flow, noise, time)
    return Velocity(jnp.diff(stream, axis=0), -jnp.diff(stream, axis=1))


def slowed(wind: Velocity, fastest: float) -> tuple[Velocity, Float[Array, ""]]:
    """Returns the wind, slowed as a whole where a speed would pass `fastest`, and the factor by which it is."""
    factor = jnp.minimum(1, fastest / jnp.maximum(jnp.abs(wind.across).max(), jnp.abs(wind.down).max()))
    return Velocity(wind.across * factor, wind.down * factor), factor


def divergence(velocity: Velocity) -> Float[Array, "h w"]:
    """Returns what leaves each cell, in cells a frame."""
    return jnp.diff(velocity.across, axis=1) + jnp.diff(velocity.down, axis=0)


def _stream_function(
    flow: FlowParameters, noise: EvolvingNoise, time: Float[Array, ""]
) -> Float[Array, "rows columns"]:
    height, width = noise.spectrum.shape
    row, column = jnp.arange(height + 1.0)[:, None], jnp.arange(width + 1.0)[None]
    gust = flow.gust * jnp.sin(2 * jnp.pi * time / flow.gust_period + flow.gust_phase)
    down, across = flow.wind + gust
    high = (row - flow.source[0]) / height  # shear turns about the source
    stream = across * (row - 0.5 * flow.shear * high**2 * height) - down * column
    reach = (column - flow.source[1]) / flow.updraught_width
    stream += flow.updraught * flow.updraught_width * jnp.sqrt(jnp.pi) / 2 * jax.scipy.special.erf(reach)
    stream += flow.turbulence * jnp.pad(noise.at(time)[0], ((0, 1), (0, 1)), mode="wrap")
    return _around(stream, flow.obstacle)


def _around(stream: Float[Array, "h w"], obstacle: Float[Array, "3"]) -> Float[Array, "h w"]:
    height, width = stream.shape
    row, column, radius = obstacle
    distance = jnp.hypot(jnp.arange(height)[:, None] - row, jnp.arange(width)[None] - column)
    inside = stream[row.astype(int), column.astype(int)]
    ramp = jnp.clip((distance - radius) / jnp.maximum(radius, 1e-3), 0, 1)
    ramp = jnp.where(radius > 0, ramp * ramp * (3 - 2 * ramp), 1.0)
    return inside + (stream - inside) * ramp
