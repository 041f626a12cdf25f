"""Industrial equipment: bodies with their flanges, pipes between them, posts, fittings, railings, rubble."""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jvlgs_jax.simulation.config import SceneryConfig
from jvlgs_jax.simulation.draws import Draws

EQUIPMENT_KINDS = ("tank", "vessel", "stack", "rack", "building", "pipe", "post", "fitting", "railing", "rubble")
TANK, VESSEL, STACK, RACK, BUILDING, PIPE, POST, FITTING, RAILING, RUBBLE = range(len(EQUIPMENT_KINDS))
_BODIES, _PIPES, _POSTS, _FITTINGS, _RAILINGS, _RUBBLE = 6, 8, 8, 20, 3, 8  # objects of each sort, at most
_SMALL_PARTS = ((_PIPES, PIPE), (_POSTS, POST), (_FITTINGS, FITTING), (_RAILINGS, RAILING), (_RUBBLE, RUBBLE))
_LAST_OF_SORT = tuple(itertools.accumulate((_BODIES, *(number for number, _ in _SMALL_PARTS))))[:-1]
BODIES_AND_PIPES = _BODIES + _PIPES
_BODY_WEIGHTS = (0.3, 0.3, 0.25, 0.06, 0.09)
# Of bodies, by kind, in units of the scene's scale: half height and half width, smallest and largest.
_HALF_HEIGHT = ((0.08, 0.22), (0.04, 0.11), (0.15, 0.4), (0.08, 0.2), (0.07, 0.18))
_HALF_WIDTH = ((0.05, 0.16), (0.12, 0.45), (0.008, 0.025), (0.06, 0.2), (0.1, 0.3))
_ROUNDING = (0.45, 1.0, 0.4, 0.0, 0.0, 1.0, 0.5, 0.7, 0.0, 0.9)  # by kind, as a share of the smaller half
_BARS = (RACK, RAILING)
_BAR_WIDTH = 0.08  # half of it, of their spacing


class EquipmentParameters(NamedTuple):
    """Objects, one entry each, the nearest last. Pixels of the frame."""

    kind: Int[Array, " n"]
    present: Bool[Array, " n"]
    centre: Float[Array, "n 2"]  # row, column
    half: Float[Array, "n 2"]  # half height, half width
    temperature: Float[Array, " n"]
    limb: Float[Array, " n"]  # how much colder round objects look at their edges, where they mirror the sky
    sunlit: Float[Array, " n"]  # kelvin from middle to top, the ground's reflection at the bottom
    spacing: Float[Array, " n"]  # of bars, flanges and windows
    flange: Float[Array, " n"]  # by how much flanges stand out, as a share of the smaller half; 0: none
    flange_contrast: Float[Array, " n"]  # kelvin, of flanges and of windows
    softness: Float[Array, " n"]  # pixels over which an edge fades, as things out of focus do


def draw_equipment(
    draw: Draws, config: SceneryConfig, size: tuple[int, int], horizon: Float[Array, ""], level: Float[Array, ""]
) -> EquipmentParameters:
    """Bodies that stand on the ground, pipes from body to body, posts under or at the ends of pipes, fittings on all.

    Railings run along the tops of bodies, and small things lie on the ground.
    """
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
    place = draw.uniform((-1.0, 1.0), (_POSTS,))
    place = jnp.where(draw.chance(0.5, (_POSTS,)), jnp.sign(place), place)
    post_column = pipe[under, 1] + pipe_half[under, 1] * place
    foot = jnp.maximum(jnp.minimum(horizon, height) + 0.02 * height, pipe_row[under])
    post = jnp.stack([(pipe_row[under] + foot) / 2, post_column], axis=-1)
    post_half = jnp.stack([(foot - pipe_row[under]) / 2, scale * draw.log_uniform((0.004, 0.018), (_POSTS,))], axis=-1)

    hosts, host_half = jnp.concatenate([body, pipe, post]), jnp.concatenate([body_half, pipe_half, post_half])
    host = draw.integer(len(hosts), (_FITTINGS,))
    edge = draw.uniform((-1.0, 1.0), (_FITTINGS,))
    on_top = jnp.stack([-jnp.ones(_FITTINGS), edge], axis=-1)
    fitting = hosts[host] + host_half[host] * on_top
    fitting_half = scale * draw.log_uniform((0.006, 0.03), (_FITTINGS, 2))

    below = draw.integer(_BODIES, (_RAILINGS,))
    railing_half = jnp.stack(
        [
            scale * draw.uniform((0.02, 0.05), (_RAILINGS,)),
            body_half[below, 1] * draw.uniform((0.3, 1.0), (_RAILINGS,)),
        ],
        axis=-1,
    )
    railing = jnp.stack([body[below, 0] - body_half[below, 0] - railing_half[:, 0], body[below, 1]], axis=-1)

    lying = jnp.minimum(horizon, 0.9 * height) + height * draw.uniform((0.02, 0.4), (_RUBBLE,))
    rubble = jnp.stack([lying, width * draw.unit((_RUBBLE,))], axis=-1)
    rubble_half = height * draw.log_uniform((0.003, 0.02), (_RUBBLE, 2))

    count = sum(number for number, _ in _SMALL_PARTS) + _BODIES
    sparse = draw.uniform((0.3, 1.0))
    chosen = (draw.unit((count,)) < sparse) & draw.chance(config.equipped)
    has_body, has_pipe, has_post, has_fitting, has_railing, has_rubble = jnp.split(chosen, _LAST_OF_SORT)
    # Nothing hangs in the air: what its part is of must be there too.
    has_pipe &= has_body[start]
    has_post &= has_pipe[under]
    has_fitting &= jnp.concatenate([has_body, has_pipe, has_post])[host]
    has_railing &= has_body[below]
    return EquipmentParameters(
        kind=jnp.concatenate([kind, *(jnp.full(n, k) for n, k in _SMALL_PARTS)]),
        present=jnp.concatenate([has_body, has_pipe, has_post, has_fitting, has_railing, has_rubble]),
        centre=jnp.concatenate([body, pipe, post, fitting, railing, rubble]),
        half=jnp.concatenate([body_half, pipe_half, post_half, fitting_half, railing_half, rubble_half]),
        temperature=level + draw.uniform((0.5, 4.0)) * draw.normal((count,)),
        limb=draw.uniform((2.0, 14.0)) * draw.uniform((0.3, 1.0), (count,)),
        sunlit=draw.uniform((-1.0, 4.0)) * draw.uniform((0.2, 1.0), (count,)),
        spacing=scale * draw.log_uniform((0.02, 0.12), (count,)),
        flange=draw.uniform((0.1, 0.8), (count,)) * draw.chance(0.6, (count,)),
        flange_contrast=draw.uniform((0.0, 4.0)) * draw.normal((count,)),
        softness=draw.log_uniform((1.0, 2.5), (count,)),
    )


def add_equipment(
    picture: Float[Array, "h w"],
    equipment: EquipmentParameters,
    row: Float[Array, "h 1"],
    column: Float[Array, "1 w"],
    texture: Float[Array, "h w"],
    gas_layer: Int[Array, ""],
) -> tuple[Float[Array, "h w"], Float[Array, "h w"], Float[Array, "h w"]]:
    """Paints the objects, far ones first; returns picture, share of equipment, and share nearer than the gas.

    `row` and `column` are pixels of the frame, `texture` is in kelvin, objects from number `gas_layer` on are nearer.
    """

    def paint(
        maps: tuple[Array, Array, Array], numbered: tuple[Array, EquipmentParameters]
    ) -> tuple[tuple[Array, Array, Array], None]:
        picture, painted, front = maps
        number, item = numbered
        flanges = _flanges(item, row, column)
        share = _coverage(item, flanges, row, column) * item.present
        tone = _tone(item, flanges, row, column) + texture
        in_front = share * (number >= gas_layer)
        return (picture + (tone - picture) * share, jnp.maximum(painted, share), jnp.maximum(front, in_front)), None

    clear = jnp.zeros_like(picture)
    numbers = jnp.arange(len(equipment.kind))
    return jax.lax.scan(paint, (picture, clear, clear), (numbers, equipment))[0]


def _upright(item: EquipmentParameters) -> Bool[Array, ""]:
    return (item.kind == TANK) | (item.kind == STACK) | (item.kind == POST)


def _flanges(item: EquipmentParameters, row: Float[Array, "h 1"], column: Float[Array, "1 w"]) -> Float[Array, "h w"]:
    """1 on the rings around an object, 0 between them; windows instead of rings on a building."""
    down, across = ((row - item.centre[0]) / item.spacing) % 1, ((column - item.centre[1]) / item.spacing) % 1
    rings = jnp.where(_upright(item), down + 0 * across, across + 0 * down) < 0.15
    windows = (jnp.abs(down - 0.5) < 0.25) & (jnp.abs(across - 0.5) < 0.3)
    return (jnp.where(item.kind == BUILDING, windows, rings) & (item.flange > 0)).astype(jnp.float32)


def _tone(
    item: EquipmentParameters, flanges: Float[Array, "h w"], row: Float[Array, "h 1"], column: Float[Array, "1 w"]
) -> Float[Array, "h w"]:
    """Apparent temperature of an object: round ones mirror the cold sky at their edges and above."""
    around = jnp.clip((column - item.centre[1]) / item.half[1], -1, 1)
    along = jnp.clip((row - item.centre[0]) / item.half[0], -1, 1)
    bend = jnp.where(_upright(item), around, along)
    tone = item.temperature + item.limb * (jnp.sqrt(1.01 - bend**2) - 0.8) * (item.kind != BUILDING)
    return tone + item.flange_contrast * flanges - item.sunlit * along


def _coverage(
    item: EquipmentParameters, flanges: Float[Array, "h w"], row: Float[Array, "h 1"], column: Float[Array, "1 w"]
) -> Float[Array, "h w"]:
    """Share of each pixel that a rounded box covers, flanges included; of racks and railings the bars only."""
    smaller = jnp.min(item.half)
    rounding = jnp.asarray(_ROUNDING)[item.kind] * smaller
    down = jnp.abs(row - item.centre[0]) - item.half[0] + rounding
    across = jnp.abs(column - item.centre[1]) - item.half[1] + rounding
    outside = jnp.hypot(jnp.maximum(down, 0), jnp.maximum(across, 0)) - rounding
    distance = outside + jnp.minimum(jnp.maximum(down, across), 0)
    slender = (item.kind == PIPE) | (item.kind == POST) | (item.kind == STACK)
    distance -= item.flange * smaller * flanges * slender
    bars = jnp.minimum(
        jnp.abs((row - item.centre[0]) % item.spacing - item.spacing / 2),
        jnp.abs((column - item.centre[1]) % item.spacing - item.spacing / 2),
    )
    open_work = jnp.isin(item.kind, jnp.asarray(_BARS))
    distance = jnp.where(open_work, jnp.maximum(distance, bars - _BAR_WIDTH * item.spacing), distance)
    return jnp.clip(0.5 - distance / item.softness, 0, 1)
