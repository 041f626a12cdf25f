"""Noise that drifts and changes shape, evaluated at any time: a sum of Fourier modes whose phases turn.

Each mode's phase turns with the drift velocity (frozen turbulence) and at a random rate of its own that grows with
the 2/3 power of its wavenumber, as eddies of the inertial range do.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Key


class EvolvingNoise(NamedTuple):
    """Fourier modes of two independent fields of unit variance that repeat at their edges."""

    spectrum: Complex[Array, "h w"]
    turning: Float[Array, "h w"]  # radians a frame

    def at(self, time: Float[Array, ""]) -> Float[Array, "2 h w"]:
        """Returns both fields at `time`, in frames."""
        field = jnp.fft.ifft2(self.spectrum * jnp.exp(-1j * self.turning * time))
        return jnp.stack([field.real, field.imag])


def wavenumbers(size: tuple[int, int]) -> Float[Array, "2 h w"]:
    """Returns the wavenumbers (down, across) of the modes, in radians a cell."""
    rows, columns = (2 * jnp.pi * jnp.fft.fftfreq(n) for n in size)
    return jnp.stack(jnp.meshgrid(rows, columns, indexing="ij"))


def evolving_noise(
    key: Key[Array, ""],
    amplitude: Float[Array, "h w"],
    *,
    drift: Float[Array, "2"],
    change: Float[Array, ""],
) -> EvolvingNoise:
    """Draws noise whose modes have the given relative amplitudes; the mean mode is dropped.

    Args:
        key: of the modes' phases.
        amplitude: of each mode, see `power_law`.
        drift: (down, across), cells a frame.
        change: deviation of the turning rate of modes of wavelength 2 pi cells, radians a frame.
    """
    amplitude = amplitude.at[0, 0].set(0)
    amplitude = amplitude * amplitude.size / jnp.sqrt(jnp.sum(amplitude**2))
    phase, rate = jax.random.uniform(key, (2, *amplitude.shape), minval=-1, maxval=1)
    modes = wavenumbers((amplitude.shape[0], amplitude.shape[1]))
    own_rate = change * jnp.sum(modes**2, axis=0) ** (1 / 3) * jnp.sqrt(3) * rate
    # Every mode is complex, so the two parts of the sum are independent fields, each with half of its variance.
    spectrum = jnp.sqrt(2) * amplitude * jnp.exp(1j * jnp.pi * phase)
    return EvolvingNoise(spectrum, drift[0] * modes[0] + drift[1] * modes[1] + own_rate)


def power_law(
    size: tuple[int, int],
    *,
    slope: Float[Array, ""] | float,
    largest: Float[Array, ""] | float,
    stretch: Float[Array, ""] | float = 1.0,
    along: Float[Array, "2"] | tuple[float, float] = (0.0, 1.0),
) -> Float[Array, "h w"]:
    """Returns amplitudes that fall as wavenumber ** -slope below the `largest` scale (in cells) and are flat above it.

    Structures are `stretch` times longer `along` a direction (down, across) than across it.
    """
    down, across = wavenumbers(size)
    length = jnp.hypot(along[0], along[1])
    lengthwise = (down * along[0] + across * along[1]) / length
    squared = down**2 + across**2 + (stretch**2 - 1) * lengthwise**2
    return (squared + (2 * jnp.pi / largest) ** 2) ** (-slope / 2)
