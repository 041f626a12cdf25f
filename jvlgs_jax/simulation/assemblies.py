"""Small assemblies on large equipment: valves, flanges, gauges, boxes, lamps; each a handful of ellipses and boxes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jvlgs_jax.simulation.draws import Draws
from jvlgs_jax.simulation.equipment import HOSTS, EquipmentParameters

ASSEMBLY_KINDS = ("handwheel valve", "actuated valve", "flanged nozzle", "gauge", "box", "lamp", "elbow", "manifold")
_COUNT = 26  # at most
# Parts by kind: middle (row, column), half height, half width, roundness (0 box to 1 ellipse), relative warmth; in
# units of the assembly's size, rows downward.
_PARTS = (
    (  # handwheel valve: body, bonnet, stem, wheel, flange
        (0.0, 0.0, 0.28, 0.42, 1.0, 0.2),
        (-0.35, 0.0, 0.25, 0.16, 0.3, -0.2),
        (-0.75, 0.0, 0.25, 0.05, 0.0, -0.4),
        (-1.0, 0.0, 0.06, 0.40, 0.5, 0.6),
        (0.0, 0.5, 0.34, 0.08, 0.2, 0.8),
    ),
    (  # actuated valve: body, neck, dome, lid, positioner
        (0.0, 0.0, 0.26, 0.40, 1.0, 0.0),
        (-0.45, 0.0, 0.30, 0.09, 0.0, -0.6),
        (-0.95, 0.0, 0.26, 0.52, 1.0, 0.9),
        (-0.92, 0.0, 0.06, 0.60, 0.3, -0.4),
        (-0.5, 0.3, 0.14, 0.14, 0.1, 1.2),
    ),
    (  # flanged nozzle: pipe, two flanges, blind, bolts
        (-0.3, 0.0, 0.40, 0.16, 0.0, 0.0),
        (-0.62, 0.0, 0.07, 0.32, 0.2, 0.7),
        (-0.80, 0.0, 0.07, 0.32, 0.2, 0.2),
        (-0.95, 0.0, 0.10, 0.20, 0.8, -0.5),
        (-0.71, 0.0, 0.03, 0.26, 0.0, -1.2),
    ),
    (  # gauge: stem, face, rim, root, tube
        (-0.4, 0.0, 0.45, 0.04, 0.0, -0.5),
        (-0.95, 0.0, 0.24, 0.24, 1.0, 0.9),
        (-0.95, 0.0, 0.16, 0.16, 1.0, -0.9),
        (0.0, 0.0, 0.12, 0.14, 0.6, 0.4),
        (-0.55, 0.22, 0.03, 0.24, 0.0, -0.3),
    ),
    (  # box: case, door, screen, conduit, foot
        (-0.3, 0.0, 0.42, 0.34, 0.1, 0.0),
        (-0.28, 0.03, 0.32, 0.24, 0.1, -0.7),
        (-0.42, 0.0, 0.09, 0.14, 0.0, 1.4),
        (0.5, -0.2, 0.50, 0.04, 0.0, -0.3),
        (0.5, 0.2, 0.50, 0.04, 0.0, -0.3),
    ),
    (  # lamp: post, arm, head, glass, clamp
        (-0.7, 0.0, 0.90, 0.03, 0.0, -0.6),
        (-1.55, 0.14, 0.04, 0.20, 0.0, -0.4),
        (-1.5, 0.34, 0.10, 0.16, 0.4, 0.5),
        (-1.42, 0.34, 0.05, 0.10, 0.8, 1.5),
        (0.0, 0.0, 0.08, 0.10, 0.0, 0.3),
    ),
    (  # elbow: level part, bend, riser, two flanges
        (0.0, 0.4, 0.14, 0.42, 0.1, 0.0),
        (0.0, 0.0, 0.17, 0.17, 1.0, 0.4),
        (-0.5, 0.0, 0.50, 0.13, 0.1, -0.2),
        (0.0, 0.78, 0.24, 0.06, 0.2, 0.8),
        (-0.95, 0.0, 0.06, 0.24, 0.2, 0.8),
    ),
    (  # manifold: header, three beads, drop
        (0.0, 0.0, 0.08, 0.90, 0.2, -0.4),
        (0.0, -0.6, 0.22, 0.20, 1.0, 0.5),
        (0.0, 0.0, 0.24, 0.22, 1.0, 0.7),
        (0.0, 0.6, 0.22, 0.20, 1.0, 0.4),
        (0.5, 0.85, 0.50, 0.08, 0.1, 0.0),
    ),
)
# How far each kind extends from its middle, in units of its size.
_REACH = np.array([max(max(abs(p[0]) + p[2], abs(p[1]) + p[3]) for p in parts) for parts in _PARTS], np.float32)
_RIM = 2  # pixels beyond it: softness and rounding


class AssemblyParameters(NamedTuple):
    """Small assemblies on the objects, one entry each. Pixels of the frame, kelvin."""

    kind: Int[Array, " n"]  # of ASSEMBLY_KINDS
    host: Int[Array, " n"]  # the number of the object that it sits on
    present: Bool[Array, " n"]
    centre: Float[Array, "n 2"]
    size: Float[Array, " n"]
    mirrored: Float[Array, " n"]  # -1 or 1
    temperature: Float[Array, " n"]
    contrast: Float[Array, " n"]  # kelvin between its parts
    softness: Float[Array, " n"]


def patch_side(height: int) -> int:
    """Returns the side of the square, in pixels, that an assembly is drawn in, of a picture of this height."""
    return 2 * round(height / 10)


def draw_assemblies(
    draw: Draws, equipment: EquipmentParameters, level: Float[Array, ""], height: int
) -> AssemblyParameters:
    """Draws assemblies on the tops of bodies and along pipes and posts.

    Args:
        draw: where chance comes from.
        equipment: what carries them.
        level: the equipment's temperature.
        height: of the picture, in pixels; none is larger than its patch.
    """
    host = draw.integer(HOSTS, (_COUNT,))
    on_top = jnp.stack([-jnp.ones(_COUNT), draw.uniform((-1.0, 1.0), (_COUNT,))], axis=-1)
    inside = draw.uniform((-0.9, 0.9), (_COUNT, 2))
    place = jnp.where(draw.chance(0.7, (_COUNT, 1)), on_top, inside)
    kind = draw.integer(len(ASSEMBLY_KINDS), (_COUNT,))
    largest = (patch_side(height) / 2 - _RIM) / jnp.asarray(_REACH)[kind]
    return AssemblyParameters(
        kind=kind,
        host=host,
        present=equipment.present[host] & draw.chance(0.85, (_COUNT,)),
        centre=equipment.centre[host] + equipment.half[host] * place,
        size=jnp.minimum(equipment.spacing[host] * draw.uniform((0.3, 0.8), (_COUNT,)), largest),
        mirrored=jnp.where(draw.chance(0.5, (_COUNT,)), 1.0, -1.0),
        temperature=level + 3.0 * draw.normal((_COUNT,)),
        contrast=draw.uniform((1.0, 9.0)) * draw.uniform((0.3, 1.0), (_COUNT,)),
        softness=draw.log_uniform((0.8, 2.2), (_COUNT,)),
    )


def add_assemblies(
    picture: Float[Array, "h w"],
    covered: Float[Array, "h w"],
    front: Float[Array, "h w"],
    assemblies: AssemblyParameters,
    *,
    margin: int,
    side: int,
    gas_layer: Int[Array, ""],
) -> tuple[Float[Array, "h w"], Float[Array, "h w"], Float[Array, "h w"]]:
    """Paints assemblies into a picture, into the share that equipment covers, and into that before the gas.

    Each is drawn in a square of `side` pixels, see `patch_side`, in a picture with a margin around the frame.
    """
    square = (side, side)

    def paint(maps: tuple[Array, Array, Array], item: AssemblyParameters) -> tuple[tuple[Array, Array, Array], None]:
        place = item.centre + margin
        corner = jnp.clip(jnp.round(place - side / 2).astype(int), 0, jnp.array(picture.shape) - side)
        share, tone = _assembly(item, place - corner, side)
        patch, covered, front = (jax.lax.dynamic_slice(image, corner, square) for image in maps)
        patch = patch + (tone - patch) * share
        covered = jnp.maximum(covered, share)
        front = jnp.maximum(front, share * (item.host >= gas_layer))
        updated = zip(maps, (patch, covered, front), strict=True)
        image, covered, front = (jax.lax.dynamic_update_slice(image, part, corner) for image, part in updated)
        return (image, covered, front), None

    return jax.lax.scan(paint, (picture, covered, front), assemblies)[0]


def _assembly(
    item: AssemblyParameters, centre: Float[Array, "2"], side: int
) -> tuple[Float[Array, "a b"], Float[Array, "a b"]]:
    """Returns the share of each pixel of the patch that the assembly covers, and its temperature there."""
    row = (jnp.arange(side)[:, None] - centre[0]) / item.size
    column = (jnp.arange(side)[None] - centre[1]) / item.size * item.mirrored
    share, tone = jnp.zeros((side, side)), jnp.zeros((side, side))
    for part in range(len(_PARTS[0])):
        middle_row, middle_column, tall, wide, roundness, warmth = (
            jnp.asarray(_PARTS)[item.kind, part, i] for i in range(6)
        )
        down, across = (row - middle_row) / tall, (column - middle_column) / wide
        power = jnp.where(roundness > 0.5, 2.0, 6.0)
        reach = (jnp.abs(down) ** power + jnp.abs(across) ** power + 1e-6) ** (1 / power)
        distance = (reach - 1) * jnp.minimum(tall, wide) * item.size
        # By the smaller half alone a slender part would fade far beyond its ends.
        beyond = jnp.maximum((jnp.abs(down) - 1) * tall, (jnp.abs(across) - 1) * wide) * item.size
        distance = jnp.maximum(distance, beyond)
        cover = jnp.clip(0.5 - distance / item.softness, 0, 1)
        bulge = 0.5 - 0.5 * jnp.minimum(reach, 1) ** 2 - 0.35 * jnp.clip(down, -1, 1)
        tone = tone + (item.temperature + item.contrast * (warmth + bulge) - tone) * cover
        share = jnp.maximum(share, cover)
    return share * item.present, tone / jnp.maximum(share, 1e-3)
