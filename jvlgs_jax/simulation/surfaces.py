"""What the surfaces of equipment carry: domes and roofs, gleams, seams, ladders, stairs, manways."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jvlgs_jax.simulation.draws import Draws
from jvlgs_jax.simulation.equipment import BUILDING, POST, STACK, TANK, VESSEL, EquipmentParameters

_RUNG_SPACING = 3.5  # pixels


class SurfaceParameters(NamedTuple):
    """Surfaces of objects, one entry each."""

    crown: Float[Array, " n"]  # height of a dome or gable, in half widths
    gleam: Float[Array, "n 2"]  # kelvin of a streak that mirrors sun or sky; its place across, -1 to 1
    seams: Float[Array, "n 2"]  # kelvin of seams and insulation bands; their phase
    marking: Float[Array, "n 2"]  # kelvin of a ladder, stair or manway; its place across, -1 to 1


def draw_surfaces(draw: Draws, equipment: EquipmentParameters) -> SurfaceParameters:
    """Draws the surfaces of all objects."""
    count = len(equipment.kind)
    crowned = (equipment.kind == TANK) | (equipment.kind == BUILDING)
    place = draw.uniform((-0.8, 0.8), (count, 2))
    strength = draw.unit((3,))
    return SurfaceParameters(
        crown=draw.uniform((0.0, 0.5), (count,)) * crowned,
        gleam=jnp.stack([strength[0] * draw.uniform((-9.0, 7.0), (count,)), place[:, 0]], axis=-1),
        seams=jnp.stack([strength[1] * draw.uniform((-6.0, 4.0), (count,)), draw.unit((count,))], axis=-1),
        marking=jnp.stack([strength[2] * draw.uniform((-9.0, 6.0), (count,)), place[:, 1]], axis=-1),
    )


def is_upright(item: EquipmentParameters) -> Bool[Array, ""]:
    """Whether an object is round about an upright axis."""
    return (item.kind == TANK) | (item.kind == STACK) | (item.kind == POST)


def crown_height(
    item: EquipmentParameters, surface: SurfaceParameters, column: Float[Array, "1 w"]
) -> Float[Array, "1 w"]:
    """Returns by how many pixels the top of an object rises above its box: tanks have domes, buildings gables."""
    inward = jnp.clip(1 - jnp.abs(column - item.centre[1]) / item.half[1], 0, 1)
    dome = jnp.sqrt(inward * (2 - inward))
    return surface.crown * item.half[1] * jnp.where(item.kind == BUILDING, inward, dome)


def surface_detail(
    item: EquipmentParameters, surface: SurfaceParameters, row: Float[Array, "h 1"], column: Float[Array, "1 w"]
) -> Float[Array, "h w"]:
    """Returns kelvin to add to an object's surface."""
    down, across = row - item.centre[0], column - item.centre[1]
    upright, box = is_upright(item), item.kind == BUILDING
    bend = jnp.where(upright, across / item.half[1], down / item.half[0])
    gleam = jnp.exp(-(((bend - surface.gleam[1]) / 0.18) ** 2)) * jnp.where(box, 0, 1)
    lengthwise = jnp.where(upright | box, down, across)
    off_seam = jnp.abs((lengthwise / item.spacing + surface.seams[1]) % 1 - 0.5) * item.spacing
    seams = jnp.clip(1.5 - off_seam, 0, 1)
    markings = jnp.where(item.kind == TANK, _ladder(item, surface, down, across), _manway(item, surface, down, across))
    marked = (item.kind == TANK) | (item.kind == VESSEL)
    return surface.gleam[0] * gleam + surface.seams[0] * seams + surface.marking[0] * markings * marked


def _ladder(
    item: EquipmentParameters, surface: SurfaceParameters, down: Float[Array, "h 1"], across: Float[Array, "1 w"]
) -> Float[Array, "h w"]:
    """1 on the rails of an upright ladder, or of a stair that crosses the tank slantwise; less on the rungs."""
    slant = jnp.where(surface.seams[1] > 0.6, jnp.sign(surface.seams[1] - 0.8), 0) * down / item.half[0]
    middle = item.half[1] * jnp.where(slant == 0, surface.marking[1], slant * surface.marking[1])
    off = jnp.abs(across - middle)
    rungs = 0.5 + 0.5 * jnp.cos(2 * jnp.pi * down / _RUNG_SPACING)
    return jnp.clip(2.2 - off, 0, 1) * jnp.where(off > 1.2, 1, 0.7 * rungs)


def _manway(
    item: EquipmentParameters, surface: SurfaceParameters, down: Float[Array, "h 1"], across: Float[Array, "1 w"]
) -> Float[Array, "h w"]:
    """1 on the rim of a round hatch, less inside."""
    radius = 0.35 * item.half[0]
    inside = radius - jnp.hypot(down, across - surface.marking[1] * item.half[1])
    return jnp.clip(inside + 0.5, 0, 1) - 0.7 * jnp.clip(inside - 2.0, 0, 1)
