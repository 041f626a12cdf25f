"""What changes all over the scene without any gas: clouds, their shadows, foliage in the wind, shimmering hot air."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jvlgs_jax.simulation.config import DistractorConfig
from jvlgs_jax.simulation.draws import Draws
from jvlgs_jax.simulation.scenery import Scenery
from jvlgs_jax.simulation.spectral_noise import EvolvingNoise, evolving_noise, power_law

_COARSE = 2  # pixels a cell of the cloud noise
_WARP_COARSE = 4


class AtmosphereParameters(NamedTuple):
    """Clouds and moving air in numbers."""

    cloud_contrast: Float[Array, ""]  # kelvin; 0: none
    cloud_cover: Float[Array, ""]  # deviations of the noise below which the sky is clear
    cloud_steepness: Float[Array, ""]
    cloud_scale: Float[Array, ""]  # pixels
    cloud_stretch: Float[Array, ""]
    cloud_drift: Float[Array, "2"]  # pixels a frame, down and across
    cloud_change: Float[Array, ""]
    shadow: Float[Array, ""]  # kelvin
    sway: Float[Array, ""]  # pixels
    shimmer: Float[Array, ""]  # pixels
    warp_change: Float[Array, ""]  # how fast foliage and air move
    key: Key[Array, ""]


class AtmosphereFields(NamedTuple):
    """Noise, made once a clip."""

    clouds: EvolvingNoise
    warp: EvolvingNoise


def draw_atmosphere(draw: Draws, config: DistractorConfig) -> AtmosphereParameters:
    """Draws clouds and moving air."""
    speed, angle = draw.log_uniform(config.cloud_speed), draw.phase()
    return AtmosphereParameters(
        cloud_contrast=draw.log_uniform(config.cloud_contrast) * draw.chance(config.clouds),
        cloud_cover=draw.uniform((-1.0, 0.8)),
        cloud_steepness=draw.uniform((1.6, 2.6)),
        cloud_scale=draw.log_uniform((20.0, 200.0)),
        cloud_stretch=draw.uniform((1.0, 4.0)),
        cloud_drift=speed * jnp.stack([0.4 * jnp.sin(angle), jnp.cos(angle)]),
        cloud_change=draw.log_uniform(config.cloud_change),
        shadow=draw.log_uniform(config.shadow) * draw.chance(config.cloud_shadows),
        sway=draw.uniform(config.sway),
        shimmer=draw.uniform(config.shimmer),
        warp_change=draw.log_uniform((0.05, 0.8)),
        key=draw.key(),
    )


def atmosphere_fields(air: AtmosphereParameters, shape: tuple[int, int]) -> AtmosphereFields:
    """Makes the noise of clouds and moving air over a picture with margins."""
    cloud_key, warp_key = jax.random.split(air.key)
    coarse = (shape[0] // _COARSE, shape[1] // _COARSE)
    amplitude = power_law(
        coarse, slope=air.cloud_steepness, largest=air.cloud_scale / _COARSE, stretch=air.cloud_stretch
    )
    clouds = evolving_noise(cloud_key, amplitude, drift=air.cloud_drift / _COARSE, change=air.cloud_change)
    ripples = power_law((shape[0] // _WARP_COARSE, shape[1] // _WARP_COARSE), slope=1.5, largest=8.0)
    return AtmosphereFields(clouds, evolving_noise(warp_key, ripples, drift=jnp.zeros(2), change=air.warp_change))


def weathered(
    scenery: Scenery, air: AtmosphereParameters, fields: AtmosphereFields, time: Float[Array, ""]
) -> Float[Array, "h w"]:
    """Returns the scene's apparent temperature at `time` (frames)."""
    shape = scenery.temperature.shape
    cloud, shade = jax.image.resize(fields.clouds.at(time), (2, *shape), "linear")
    bend = jax.image.resize(fields.warp.at(time), (2, *shape), "linear")
    thickness = jnp.tanh(0.7 * jnp.maximum(cloud - air.cloud_cover, 0))
    picture = scenery.temperature + air.cloud_contrast * thickness * scenery.sky
    picture -= air.shadow * jax.nn.sigmoid(3 * shade) * scenery.ground
    # First order in the displacement, which is below a pixel.
    reach = air.sway * scenery.trees + air.shimmer * (1 - scenery.sky)
    return picture + reach * jnp.sum(bend * scenery.slopes, axis=0)
