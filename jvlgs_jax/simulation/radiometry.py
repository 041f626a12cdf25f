"""What a camera sees of gas in front of a background: Beer-Lambert absorption and the gas's own emission.

With the band's radiance linear in temperature (differences of tens of kelvin), a background of apparent temperature B
behind gas of temperature G and optical depth d is seen at B exp(-d) + G (1 - exp(-d)): brighter than without gas where
the gas is warmer, darker where it is colder, unchanged where both match.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float


def opacity(optical_depth: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Returns the share of the background's radiation that gas absorbs: depth itself while thin, 1 when thick."""
    return -jnp.expm1(-optical_depth)


def optical_depth(opacity: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Returns the optical depth of an opacity below 1."""
    return -jnp.log1p(-opacity)


def seen_through(
    background: Float[Array, "*s"], gas_temperature: Float[Array, ""], optical_depth: Float[Array, "*s"]
) -> Float[Array, "*s"]:
    """Returns the apparent temperature of `background` seen through gas."""
    return background + (gas_temperature - background) * opacity(optical_depth)
