"""Paints equipment: rounded boxes with flanges or windows, and what their surfaces carry."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jvlgs_jax.simulation.equipment import BUILDING, PIPE, POST, RACK, RAILING, STACK, EquipmentParameters
from jvlgs_jax.simulation.surfaces import SurfaceParameters, crown_height, is_upright, surface_detail

_ROUNDING = (0.45, 1.0, 0.4, 0.0, 0.0, 1.0, 0.5, 0.7, 0.0, 0.9)  # by kind, as a share of the smaller half
_BARS = (RACK, RAILING)
_BAR_WIDTH = 0.08  # half of it, of their spacing


def add_equipment(
    picture: Float[Array, "h w"],
    equipment: EquipmentParameters,
    surfaces: SurfaceParameters,
    row: Float[Array, "h 1"],
    column: Float[Array, "1 w"],
    texture: Float[Array, "h w"],
    gas_layer: Int[Array, ""],
) -> tuple[Float[Array, "h w"], Float[Array, "h w"], Float[Array, "h w"]]:
    """Paints the objects, far ones first; returns picture, share of equipment, and share nearer than the gas.

    `row` and `column` are pixels of the frame, `texture` is in kelvin, objects from number `gas_layer` on are nearer.
    """

    def paint(
        maps: tuple[Array, Array, Array], numbered: tuple[Array, EquipmentParameters, SurfaceParameters]
    ) -> tuple[tuple[Array, Array, Array], None]:
        picture, painted, front = maps
        number, item, surface = numbered
        flanges = _flanges(item, row, column)
        share = _coverage(item, flanges, row, column, crown_height(item, surface, column)) * item.present
        tone = _tone(item, flanges, row, column) + surface_detail(item, surface, row, column) + texture
        in_front = share * (number >= gas_layer)
        return (picture + (tone - picture) * share, jnp.maximum(painted, share), jnp.maximum(front, in_front)), None

    clear = jnp.zeros_like(picture)
    numbers = jnp.arange(len(equipment.kind))
    return jax.lax.scan(paint, (picture, clear, clear), (numbers, equipment, surfaces))[0]


def _flanges(item: EquipmentParameters, row: Float[Array, "h 1"], column: Float[Array, "1 w"]) -> Float[Array, "h w"]:
    """1 on the rings around an object, 0 between them; windows instead of rings on a building."""
    down, across = ((row - item.centre[0]) / item.spacing) % 1, ((column - item.centre[1]) / item.spacing) % 1
    rings = jnp.where(is_upright(item), down + 0 * across, across + 0 * down) < 0.15
    windows = (jnp.abs(down - 0.5) < 0.25) & (jnp.abs(across - 0.5) < 0.3)
    return (jnp.where(item.kind == BUILDING, windows, rings) & (item.flange > 0)).astype(jnp.float32)


def _tone(
    item: EquipmentParameters, flanges: Float[Array, "h w"], row: Float[Array, "h 1"], column: Float[Array, "1 w"]
) -> Float[Array, "h w"]:
    """Apparent temperature of an object: round ones mirror the cold sky at their edges and above."""
    around = jnp.clip((column - item.centre[1]) / item.half[1], -1, 1)
    along = jnp.clip((row - item.centre[0]) / item.half[0], -1, 1)
    bend = jnp.where(is_upright(item), around, along)
    tone = item.temperature + item.limb * (jnp.sqrt(1.01 - bend**2) - 0.8) * (item.kind != BUILDING)
    return tone + item.flange_contrast * flanges - item.sunlit * along


def _coverage(
    item: EquipmentParameters,
    flanges: Float[Array, "h w"],
    row: Float[Array, "h 1"],
    column: Float[Array, "1 w"],
    crown: Float[Array, "1 w"],
) -> Float[Array, "h w"]:
    """Share of each pixel that a rounded box covers, flanges included; of racks and railings the bars only."""
    smaller = jnp.min(item.half)
    rounding = jnp.asarray(_ROUNDING)[item.kind] * smaller
    down = jnp.abs(row - item.centre[0]) - item.half[0] - crown * (row < item.centre[0]) + rounding
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
