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
    cloud_fibre: Float[Array, ""]  # how much of the clouds is torn into fibres, 0 to 1
    cloud_light: Float[Array, "2"]  # share of the contrast by which edges toward (down, across) are warmer
    shadow: Float[Array, ""]  # kelvin
    sway: Float[Array, ""]  # pixels
    shimmer: Float[Array, ""]  # pixels
    warp_change: Float[Array, ""]  # how fast foliage and air move
    key: Key[Array, ""]


class AtmosphereFields(NamedTuple):
    """Noise, made once a clip."""

    clouds: EvolvingNoise
    fibres: EvolvingNoise
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
        cloud_fibre=draw.uniform((0.0, 1.0)),
        cloud_light=draw.uniform((0.0, 3.0)) * jnp.stack([-jnp.cos(light := draw.phase()), jnp.sin(light)]),
        shadow=draw.log_uniform(config.shadow) * draw.chance(config.cloud_shadows),
        sway=draw.uniform(config.sway),
        shimmer=draw.uniform(config.shimmer),
        warp_change=draw.log_uniform((0.05, 0.8)),
        key=draw.key(),
    )


def atmosphere_fields(air: AtmosphereParameters, shape: tuple[int, int]) -> AtmosphereFields:
    """Makes the noise of clouds and moving air over a picture with margins."""
    cloud_key, warp_key, fibre_key = jax.random.split(air.key, 3)
    coarse = (shape[0] // _COARSE, shape[1] // _COARSE)
    amplitude = power_law(
        coarse, slope=air.cloud_steepness, largest=air.cloud_scale / _COARSE, stretch=air.cloud_stretch
    )
    clouds = evolving_noise(cloud_key, amplitude, drift=air.cloud_drift / _COARSE, change=air.cloud_change)
    torn = power_law(coarse, slope=1.3, largest=air.cloud_scale / (4 * _COARSE), stretch=1.5 * air.cloud_stretch)
    fibres = evolving_noise(fibre_key, torn, drift=air.cloud_drift / _COARSE, change=air.cloud_change)
    ripples = power_law((shape[0] // _WARP_COARSE, shape[1] // _WARP_COARSE), slope=1.5, largest=8.0)
    return AtmosphereFields(
        clouds, fibres, evolving_noise(warp_key, ripples, drift=jnp.zeros(2), change=air.warp_change)
    )


def weathered(
    scenery: Scenery, air: AtmosphereParameters, fields: AtmosphereFields, time: Float[Array, ""]
) -> Float[Array, "h w"]:
    """Returns the scene's apparent temperature at `time` (frames)."""
    shape = scenery.temperature.shape
    cloud, shade = fields.clouds.at(time)
    cloud = _thickness(cloud, fields.fibres.at(time), air)
    cloud, shade = jax.image.resize(jnp.stack([cloud, shade]), (2, *shape), "linear")
    bend = jax.image.resize(fields.warp.at(time), (2, *shape), "linear")
    picture = scenery.temperature + air.cloud_contrast * cloud * scenery.sky
    picture -= air.shadow * jax.nn.sigmoid(3 * shade) * scenery.ground
    # First order in the displacement, which is below a pixel.
    reach = air.sway * scenery.trees + air.shimmer * (1 - scenery.sky)
    return picture + reach * jnp.sum(bend * scenery.slopes, axis=0)


def _thickness(
    cloud: Float[Array, "h w"], fibres: Float[Array, "2 h w"], air: AtmosphereParameters
) -> Float[Array, "h w"]:
    """How much warmer than clear sky clouds are, as a share of their contrast: torn at the rims, lit from one side."""
    ridges = 1 - 2 * jnp.abs(fibres[0])  # ridged noise: thin bright strands
    body = jnp.maximum(cloud - air.cloud_cover + 0.5 * air.cloud_fibre * ridges, 0)
    thickness = jnp.tanh(0.7 * body) * (1 + 0.25 * air.cloud_fibre * fibres[1])
    down, across = jnp.gradient(thickness)
    return jnp.maximum(thickness + air.cloud_light[0] * down + air.cloud_light[1] * across, 0)
