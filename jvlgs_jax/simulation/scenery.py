"""The still part of a scene, as apparent temperature: sky, skyline, ground, trees, equipment, hot spots.

Pictures are drawn with a margin around the frame, so that the camera can shake and pan.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jvlgs_jax.simulation.assemblies import AssemblyParameters, add_assemblies, draw_assemblies, patch_side
from jvlgs_jax.simulation.config import SceneryConfig
from jvlgs_jax.simulation.draws import Draws
from jvlgs_jax.simulation.equipment import BODIES_AND_PIPES, EquipmentParameters, draw_equipment
from jvlgs_jax.simulation.equipment_painting import add_equipment
from jvlgs_jax.simulation.spectral_noise import evolving_noise, power_law
from jvlgs_jax.simulation.surfaces import SurfaceParameters, draw_surfaces

MARGIN = 16  # pixels around the frame


class SceneryParameters(NamedTuple):
    """The still scene in numbers."""

    horizon: Float[Array, ""]  # row
    hills: Float[Array, ""]  # pixels
    sky: Float[Array, "2"]  # zenith, horizon
    sky_shape: Float[Array, ""]
    ground: Float[Array, ""]
    ground_slope: Float[Array, ""]  # kelvin from the horizon to the bottom
    texture: Float[Array, ""]
    trees: Float[Array, ""]  # height in pixels; 0: none
    tree_temperature: Float[Array, ""]
    haze: Float[Array, ""]  # how much of the sky's horizon far ground takes on
    track: Float[Array, "3"]  # kelvin, column where it meets the horizon, slant
    equipment_level: Float[Array, ""]
    equipment: EquipmentParameters
    surfaces: SurfaceParameters
    assemblies: AssemblyParameters
    hot_spot: Float[Array, "s 4"]  # row, column, radius, kelvin
    gas_layer: Int[Array, ""]  # objects from here on stand in front of the gas
    blur: Float[Array, ""]
    key: Key[Array, ""]


class Scenery(NamedTuple):
    """Maps with a margin around the frame; all but `temperature` and its slopes are shares, 0 to 1."""

    temperature: Float[Array, "h w"]
    slopes: Float[Array, "2 h w"]  # kelvin a pixel, down and across
    sky: Float[Array, "h w"]
    ground: Float[Array, "h w"]
    trees: Float[Array, "h w"]
    front: Float[Array, "h w"]  # objects nearer than the gas


def draw_scenery(
    draw: Draws, config: SceneryConfig, size: tuple[int, int], blur: Float[Array, ""]
) -> SceneryParameters:
    """Draws a still scene."""
    height, width = size
    horizon = draw.uniform(config.horizon) * height
    level = draw.uniform(config.equipment)
    spots = config.hot_spots
    spot_row, spot_column = horizon + height * draw.uniform((-0.25, 0.1), (spots,)), width * draw.unit((spots,))
    heat = draw.log_uniform(config.hot_spot, (spots,)) * draw.chance(0.4, (spots,))
    return SceneryParameters(
        horizon=horizon,
        hills=draw.uniform((0.0, 0.03)) * height,
        sky=jnp.stack([draw.uniform(config.sky_zenith), draw.uniform(config.sky_horizon)]),
        sky_shape=draw.uniform((0.5, 1.3)),
        ground=draw.uniform(config.ground),
        ground_slope=draw.uniform((-3.0, 6.0)),
        texture=draw.log_uniform(config.texture),
        trees=draw.uniform((0.03, 0.2)) * height * draw.chance(config.vegetation),
        tree_temperature=draw.uniform((-4.0, 3.0)),
        haze=draw.uniform((0.0, 0.6)),
        track=jnp.stack(
            [
                draw.uniform((-3.0, 3.0)) * draw.chance(0.4),
                draw.uniform((0.0, 1.0)) * width,
                draw.uniform((-1.5, 1.5)),
            ]
        ),
        equipment_level=level,
        equipment=(equipment := draw_equipment(draw, config, size, horizon, level)),
        hot_spot=jnp.stack([spot_row, spot_column, draw.uniform((0.6, 3.5), (spots,)), heat], axis=-1),
        gas_layer=jnp.where(draw.chance(0.6), len(equipment.kind), draw.integer(BODIES_AND_PIPES)),
        blur=blur,
        key=(key := draw.key()),
        # From a key of their own, so that all else in a clip is as it would be without them.
        surfaces=draw_surfaces(detail := Draws(jax.random.fold_in(key, 2)), equipment),
        assemblies=draw_assemblies(detail, equipment, level, height),
    )


def render_scenery(scene: SceneryParameters, size: tuple[int, int]) -> Scenery:
    """Draws the maps of a still scene."""
    shape = (size[0] + 2 * MARGIN, size[1] + 2 * MARGIN)
    row = jnp.arange(shape[0], dtype=jnp.float32)[:, None] - MARGIN
    column = jnp.arange(shape[1], dtype=jnp.float32)[None] - MARGIN
    noise, grain = _still_noise(scene.key, shape)
    ridge = _smooth(noise[1], 12)[shape[0] // 2]
    skyline = scene.horizon + scene.hills * ridge
    elevation = jnp.clip((scene.horizon - row) / size[0], 0, None)
    sky = scene.sky[1] + (scene.sky[0] - scene.sky[1]) * jnp.tanh(elevation**scene.sky_shape * 2) + 0 * column
    depth = jnp.clip((row - scene.horizon) / size[0], 0, None)
    # Stones and grass are finer far away; nearer the horizon the ground takes on the colour of the air before it.
    ground = scene.ground + scene.ground_slope * depth + scene.texture * (noise[0] + 0.5 * grain[0])
    contrast, meeting, slant = scene.track
    across = (column - meeting - slant * (row - scene.horizon)) / (3 + 60 * depth)
    ground += contrast * jnp.exp(-(jnp.abs(jnp.abs(across) - 1.0) ** 2) / 0.1) * (depth > 0)
    ground += (scene.sky[1] - ground) * scene.haze * jnp.exp(-12 * depth)
    below = jnp.clip(row - skyline + 0.5, 0, 1)
    picture = sky + (ground - sky) * below
    crown = skyline - scene.trees * (0.6 + 0.4 * ridge + 0.08 * noise[1] + 0.1 * grain[1])
    trees = jnp.clip((row - crown) / 2, 0, 1) * (1 - jnp.clip((row - skyline - 4) / 4, 0, 1)) * (scene.trees > 0)
    leaves = scene.tree_temperature + scene.texture * (1.2 * noise[1] + 0.8 * grain[1])
    picture += (leaves - picture) * trees
    picture, equipment, front = add_equipment(
        picture, scene.equipment, scene.surfaces, row, column, 0.6 * scene.texture * noise[0], scene.gas_layer
    )
    picture, equipment, front = add_assemblies(
        picture, equipment, front, scene.assemblies, margin=MARGIN, side=patch_side(size[0]), gas_layer=scene.gas_layer
    )
    top, left, radius, heat = scene.hot_spot.T[:, :, None]
    down = jnp.exp(-((row.T - top) ** 2) / (2 * radius**2))
    across = heat * jnp.exp(-((column - left) ** 2) / (2 * radius**2))
    picture += down.T @ across * equipment
    maps = jnp.stack([picture, (1 - below) * (1 - trees) * (1 - equipment), below * (1 - equipment), trees, front])
    picture, *shares = gaussian_blur(maps, scene.blur)
    slopes = jnp.stack(jnp.gradient(picture))
    return Scenery(picture, slopes, shares[0], shares[1], shares[2] * (1 - equipment), shares[3])


def _still_noise(key: Key[Array, ""], shape: tuple[int, int]) -> tuple[Float[Array, "2 h w"], Float[Array, "2 h w"]]:
    """Coarse and fine noise, two fields each."""
    coarse = power_law(shape, slope=1.2, largest=60.0, stretch=2.0)
    fine = power_law(shape, slope=0.5, largest=4.0, stretch=1.5)
    still = {"drift": jnp.zeros(2), "change": jnp.float32(0)}
    fields = [evolving_noise(jax.random.fold_in(key, i), x, **still) for i, x in enumerate((coarse, fine))]
    return fields[0].at(jnp.float32(0)), fields[1].at(jnp.float32(0))


def _smooth(field: Float[Array, "h w"], radius: int) -> Float[Array, "h w"]:
    return jnp.mean(jnp.stack([jnp.roll(field, shift, axis=1) for shift in range(-radius, radius + 1)]), axis=0)


def gaussian_blur(images: Float[Array, "*b h w"], deviation: Float[Array, ""]) -> Float[Array, "*b h w"]:
    """Blurs by a Gaussian of up to `config.MOST_BLUR` pixels; edges are repeated."""
    weights = jnp.exp(-0.5 * (jnp.arange(-4, 5) / jnp.maximum(deviation, 0.1)) ** 2)
    weights = weights / weights.sum()
    for axis in (-2, -1):
        pad = [(0, 0)] * images.ndim
        pad[axis] = (4, 4)
        padded = jnp.pad(images, pad, mode="edge")
        length = images.shape[axis]
        shifted = [jax.lax.slice_in_dim(padded, i, i + length, axis=axis) for i in range(len(weights))]
        images = jnp.tensordot(weights, jnp.stack(shifted), axes=1)
    return images
