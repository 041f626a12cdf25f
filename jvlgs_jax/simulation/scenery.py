"""The still part of a scene, as apparent temperature: sky, skyline, ground, industrial equipment, trees, hot spots.

Pictures are drawn with a margin around the frame, so that the camera can shake and pan.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jvlgs_jax.simulation.config import SceneryConfig
from jvlgs_jax.simulation.draws import Draws
from jvlgs_jax.simulation.spectral_noise import evolving_noise, power_law

MARGIN = 16  # pixels around the frame
EQUIPMENT_KINDS = ("tank", "vessel", "stack", "rack", "building", "pipe", "post", "fitting")
TANK, VESSEL, STACK, RACK, BUILDING, PIPE, POST, FITTING = range(len(EQUIPMENT_KINDS))
_BODIES, _PIPES, _POSTS, _FITTINGS = 6, 6, 5, 9  # objects of each sort, at most
_SMALL_PARTS = ((_PIPES, PIPE), (_POSTS, POST), (_FITTINGS, FITTING))
_BODY_WEIGHTS = (0.3, 0.3, 0.25, 0.06, 0.09)
# Of bodies, by kind, in units of the scene's scale: half height and half width, smallest and largest.
_HALF_HEIGHT = ((0.08, 0.22), (0.04, 0.11), (0.15, 0.4), (0.08, 0.2), (0.07, 0.18))
_HALF_WIDTH = ((0.05, 0.16), (0.12, 0.45), (0.008, 0.025), (0.06, 0.2), (0.1, 0.3))
_ROUNDING = (0.45, 1.0, 0.4, 0.0, 0.0, 1.0, 0.5, 0.7)  # by kind, as a share of the smaller half


class EquipmentParameters(NamedTuple):
    """Objects, one entry each, the nearest last. Pixels of the frame."""

    kind: Int[Array, " n"]
    present: Bool[Array, " n"]
    centre: Float[Array, "n 2"]  # row, column
    half: Float[Array, "n 2"]  # half height, half width
    temperature: Float[Array, " n"]
    limb: Float[Array, " n"]  # how much colder round objects look at their edges, where they mirror the sky
    sunlit: Float[Array, " n"]  # kelvin from middle to top, the ground's reflection at the bottom
    spacing: Float[Array, " n"]  # of a rack's bars


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
    equipment_level: Float[Array, ""]
    equipment: EquipmentParameters
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
        equipment_level=level,
        equipment=_draw_equipment(draw, config, size, horizon, level),
        hot_spot=jnp.stack([spot_row, spot_column, draw.uniform((0.6, 3.5), (spots,)), heat], axis=-1),
        gas_layer=jnp.where(draw.chance(0.6), 99, draw.integer(_BODIES + _PIPES)),
        blur=blur,
        key=draw.key(),
    )


def _draw_equipment(
    draw: Draws, config: SceneryConfig, size: tuple[int, int], horizon: Float[Array, ""], level: Float[Array, ""]
) -> EquipmentParameters:
    """Bodies that stand on the ground, pipes from body to body, posts under the pipes, fittings on all of them."""
    height, width = size
    scale = height * draw.log_uniform(config.equipment_scale)
    kind = draw.category(_BODY_WEIGHTS, (_BODIES,))
    low, high = (jnp.asarray([_HALF_HEIGHT, _HALF_WIDTH])[:, kind, end].T for end in (0, 1))
    body_half = scale * low * (high / low) ** draw.unit((_BODIES, 2))
    base = jnp.minimum(horizon, 0.97 * height) + height * draw.uniform((-0.01, 0.16)) * jnp.sort(draw.unit((_BODIES,)))
    middle = draw.uniform((0.2, 0.8)) * width
    body_column = middle + width * draw.uniform((0.15, 0.45)) * draw.normal((_BODIES,))
    raised = scale * 0.06 * (kind == VESSEL)
    body = jnp.stack([base - body_half[:, 0] - raised, body_column], axis=-1)

    start, end = draw.integer(_BODIES, (_PIPES,)), draw.integer(_BODIES, (_PIPES,))
    along = draw.uniform((-0.9, 0.9), (_PIPES,))
    pipe_row = body[start, 0] + body_half[start, 0] * along
    loose = scale * draw.uniform((-0.5, 0.5), (_PIPES,))
    pipe_end = jnp.where(start == end, body_column[start] + loose, body_column[end])
    pipe_half = jnp.stack(
        [scale * draw.uniform((0.006, 0.02), (_PIPES,)), jnp.abs(pipe_end - body_column[start]) / 2], axis=-1
    )
    pipe = jnp.stack([pipe_row, (pipe_end + body_column[start]) / 2], axis=-1)

    under = draw.integer(_PIPES, (_POSTS,))
    post_column = pipe[under, 1] + pipe_half[under, 1] * draw.uniform((-1.0, 1.0), (_POSTS,))
    foot = jnp.maximum(jnp.minimum(horizon, height) + 0.02 * height, pipe_row[under])
    post = jnp.stack([(pipe_row[under] + foot) / 2, post_column], axis=-1)
    post_half = jnp.stack([(foot - pipe_row[under]) / 2, scale * draw.uniform((0.004, 0.012), (_POSTS,))], axis=-1)

    hosts, host_half = jnp.concatenate([body, pipe]), jnp.concatenate([body_half, pipe_half])
    host = draw.integer(len(hosts), (_FITTINGS,))
    edge = draw.uniform((-1.0, 1.0), (_FITTINGS,))
    on_top = jnp.stack([-jnp.ones(_FITTINGS), edge], axis=-1)
    fitting = hosts[host] + host_half[host] * on_top
    fitting_half = scale * draw.log_uniform((0.008, 0.03), (_FITTINGS, 2))

    count = _BODIES + _PIPES + _POSTS + _FITTINGS
    sparse = draw.uniform((0.3, 1.0))
    return EquipmentParameters(
        kind=jnp.concatenate([kind, *(jnp.full(n, k) for n, k in _SMALL_PARTS)]),
        present=(draw.unit((count,)) < sparse) & draw.chance(config.equipped),
        centre=jnp.concatenate([body, pipe, post, fitting]),
        half=jnp.concatenate([body_half, pipe_half, post_half, fitting_half]),
        temperature=level + draw.uniform((0.5, 4.0)) * draw.normal((count,)),
        limb=draw.uniform((2.0, 14.0)) * draw.uniform((0.3, 1.0), (count,)),
        sunlit=draw.uniform((-1.0, 4.0)) * draw.uniform((0.2, 1.0), (count,)),
        spacing=scale * draw.uniform((0.03, 0.08), (count,)),
    )


def render_scenery(scene: SceneryParameters, size: tuple[int, int]) -> Scenery:
    """Draws the maps of a still scene."""
    shape = (size[0] + 2 * MARGIN, size[1] + 2 * MARGIN)
    row = jnp.arange(shape[0], dtype=jnp.float32)[:, None] - MARGIN
    column = jnp.arange(shape[1], dtype=jnp.float32)[None] - MARGIN
    noise = evolving_noise(
        scene.key, power_law(shape, slope=1.2, largest=60.0, stretch=2.0), drift=jnp.zeros(2), change=jnp.float32(0)
    ).at(jnp.float32(0))
    ridge = _smooth(noise[1], 12)[shape[0] // 2]
    skyline = scene.horizon + scene.hills * ridge
    elevation = jnp.clip((scene.horizon - row) / size[0], 0, None)
    sky = scene.sky[1] + (scene.sky[0] - scene.sky[1]) * jnp.tanh(elevation**scene.sky_shape * 2) + 0 * column
    depth = jnp.clip((row - scene.horizon) / size[0], 0, None)
    ground = scene.ground + scene.ground_slope * depth + scene.texture * noise[0]
    below = jnp.clip(row - skyline + 0.5, 0, 1)
    picture = sky + (ground - sky) * below
    crown = skyline - scene.trees * (0.6 + 0.4 * ridge + 0.08 * noise[1])
    trees = jnp.clip((row - crown) / 2, 0, 1) * (1 - jnp.clip((row - skyline - 4) / 4, 0, 1)) * (scene.trees > 0)
    picture += (scene.tree_temperature + 1.5 * scene.texture * noise[1] - picture) * trees
    picture, equipment, front = _add_equipment(picture, scene, row, column, noise[0])
    top, left, radius, heat = scene.hot_spot.T[:, :, None]
    down = jnp.exp(-((row.T - top) ** 2) / (2 * radius**2))
    across = heat * jnp.exp(-((column - left) ** 2) / (2 * radius**2))
    picture += down.T @ across * equipment
    maps = jnp.stack([picture, (1 - below) * (1 - trees) * (1 - equipment), below * (1 - equipment), trees, front])
    picture, *shares = gaussian_blur(maps, scene.blur)
    slopes = jnp.stack(jnp.gradient(picture))
    return Scenery(picture, slopes, shares[0], shares[1], shares[2] * (1 - equipment), shares[3])


def _add_equipment(
    picture: Float[Array, "h w"],
    scene: SceneryParameters,
    row: Float[Array, "h 1"],
    column: Float[Array, "1 w"],
    noise: Float[Array, "h w"],
) -> tuple[Float[Array, "h w"], Float[Array, "h w"], Float[Array, "h w"]]:
    """Paints the objects, far ones first; returns picture, share of equipment, and share nearer than the gas."""

    def paint(
        maps: tuple[Array, Array, Array], numbered: tuple[Array, EquipmentParameters]
    ) -> tuple[tuple[Array, Array, Array], None]:
        picture, equipment, front = maps
        number, item = numbered
        share = _coverage(item, row, column) * item.present
        around = jnp.clip((column - item.centre[1]) / item.half[1], -1, 1)
        upright = (item.kind == TANK) | (item.kind == STACK) | (item.kind == POST)
        along = jnp.clip((row - item.centre[0]) / item.half[0], -1, 1)
        bend = jnp.where(upright, around, along)
        tone = item.temperature + item.limb * (jnp.sqrt(1.01 - bend**2) - 0.8) * (item.kind != BUILDING)
        tone += 0.6 * scene.texture * noise - item.sunlit * along
        in_front = share * (number >= scene.gas_layer)
        return (picture + (tone - picture) * share, jnp.maximum(equipment, share), jnp.maximum(front, in_front)), None

    clear = jnp.zeros_like(picture)
    numbers = jnp.arange(len(scene.equipment.kind))
    return jax.lax.scan(paint, (picture, clear, clear), (numbers, scene.equipment))[0]


def _coverage(item: EquipmentParameters, row: Float[Array, "h 1"], column: Float[Array, "1 w"]) -> Float[Array, "h w"]:
    """Share of each pixel that a rounded box covers, with antialiased edges; racks are bars only."""
    rounding = jnp.asarray(_ROUNDING)[item.kind] * jnp.min(item.half)
    down = jnp.abs(row - item.centre[0]) - item.half[0] + rounding
    across = jnp.abs(column - item.centre[1]) - item.half[1] + rounding
    outside = jnp.hypot(jnp.maximum(down, 0), jnp.maximum(across, 0)) - rounding
    distance = outside + jnp.minimum(jnp.maximum(down, across), 0)
    bars = jnp.minimum(
        jnp.abs((row - item.centre[0]) % item.spacing - item.spacing / 2),
        jnp.abs((column - item.centre[1]) % item.spacing - item.spacing / 2),
    )
    distance = jnp.where(item.kind == RACK, jnp.maximum(distance, bars - 0.08 * item.spacing), distance)
    return jnp.clip(0.5 - distance, 0, 1)


def _smooth(field: Float[Array, "h w"], radius: int) -> Float[Array, "h w"]:
    return jnp.mean(jnp.stack([jnp.roll(field, shift, axis=1) for shift in range(-radius, radius + 1)]), axis=0)


def gaussian_blur(images: Float[Array, "*b h w"], deviation: Float[Array, ""]) -> Float[Array, "*b h w"]:
    """Blurs by a Gaussian of up to 1.5 pixels; edges are repeated."""
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
