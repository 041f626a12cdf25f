"""Industrial equipment: bodies with their flanges, pipes between them, posts, fittings, railings, rubble."""

import itertools
from typing import NamedTuple

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
HOSTS = BODIES_AND_PIPES + _POSTS  # the first so many objects carry assemblies
_BODY_WEIGHTS = (0.3, 0.3, 0.25, 0.06, 0.09)
# Of bodies, by kind, in units of the scene's scale: half height and half width, smallest and largest.
_HALF_HEIGHT = ((0.08, 0.22), (0.04, 0.11), (0.15, 0.4), (0.08, 0.2), (0.07, 0.18))
_HALF_WIDTH = ((0.05, 0.16), (0.12, 0.45), (0.008, 0.025), (0.06, 0.2), (0.1, 0.3))


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


class _Boxes(NamedTuple):
    """Where objects are. Pixels of the frame."""

    centre: Float[Array, "n 2"]  # row, column
    half: Float[Array, "n 2"]  # half height, half width


def draw_equipment(
    draw: Draws, config: SceneryConfig, size: tuple[int, int], horizon: Float[Array, ""], level: Float[Array, ""]
) -> EquipmentParameters:
    """Bodies that stand on the ground, pipes from body to body, posts under or at the ends of pipes, fittings on all.

    Railings run along the tops of bodies, and small things lie on the ground.
    """
    height, width = size
    scale = height * draw.log_uniform(config.equipment_scale)
    kind, bodies = _draw_bodies(draw, size, horizon, scale)
    start, pipes = _draw_pipes(draw, bodies, scale)
    under, posts = _draw_posts(draw, pipes, jnp.minimum(horizon, height) + 0.02 * height, scale)
    host, fittings = _draw_fittings(draw, _join(bodies, pipes, posts), scale)
    below, railings = _draw_railings(draw, bodies, scale)
    lying = jnp.minimum(horizon, 0.9 * height) + height * draw.uniform((0.02, 0.4), (_RUBBLE,))
    places = jnp.stack([lying, width * draw.unit((_RUBBLE,))], axis=-1)
    rubble = _Boxes(places, height * draw.log_uniform((0.003, 0.02), (_RUBBLE, 2)))

    count = sum(number for number, _ in _SMALL_PARTS) + _BODIES
    sparse = draw.uniform((0.3, 1.0))
    chosen = (draw.unit((count,)) < sparse) & draw.chance(config.equipped)
    has_body, has_pipe, has_post, has_fitting, has_railing, has_rubble = jnp.split(chosen, _LAST_OF_SORT)
    # Nothing hangs in the air: what its part is of must be there too.
    has_pipe &= has_body[start]
    has_post &= has_pipe[under]
    has_fitting &= jnp.concatenate([has_body, has_pipe, has_post])[host]
    has_railing &= has_body[below]
    boxes = _join(bodies, pipes, posts, fittings, railings, rubble)
    return EquipmentParameters(
        kind=jnp.concatenate([kind, *(jnp.full(n, k) for n, k in _SMALL_PARTS)]),
        present=jnp.concatenate([has_body, has_pipe, has_post, has_fitting, has_railing, has_rubble]),
        centre=boxes.centre,
        half=boxes.half,
        temperature=level + draw.uniform((0.5, 4.0)) * draw.normal((count,)),
        limb=draw.uniform((2.0, 14.0)) * draw.uniform((0.3, 1.0), (count,)),
        sunlit=draw.uniform((-1.0, 4.0)) * draw.uniform((0.2, 1.0), (count,)),
        spacing=scale * draw.log_uniform((0.02, 0.12), (count,)),
        flange=draw.uniform((0.1, 0.8), (count,)) * draw.chance(0.6, (count,)),
        flange_contrast=draw.uniform((0.0, 4.0)) * draw.normal((count,)),
        softness=draw.log_uniform((1.0, 2.5), (count,)),
    )


def _draw_bodies(
    draw: Draws, size: tuple[int, int], horizon: Float[Array, ""], scale: Float[Array, ""]
) -> tuple[Int[Array, " n"], _Boxes]:
    height, width = size
    kind = draw.category(_BODY_WEIGHTS, (_BODIES,))
    low, high = (jnp.asarray([_HALF_HEIGHT, _HALF_WIDTH])[:, kind, end].T for end in (0, 1))
    half = scale * low * (high / low) ** draw.unit((_BODIES, 2))
    base = jnp.minimum(horizon, 0.97 * height) + height * draw.uniform((-0.01, 0.16)) * jnp.sort(draw.unit((_BODIES,)))
    middle = draw.uniform((0.2, 0.8)) * width
    column = middle + width * draw.uniform((0.15, 0.45)) * draw.normal((_BODIES,))
    raised = scale * 0.06 * (kind == VESSEL)
    return kind, _Boxes(jnp.stack([base - half[:, 0] - raised, column], axis=-1), half)


def _draw_pipes(draw: Draws, bodies: _Boxes, scale: Float[Array, ""]) -> tuple[Int[Array, " n"], _Boxes]:
    """Returns the bodies that level pipes start from, and the pipes."""
    start, end = draw.integer(_BODIES, (_PIPES,)), draw.integer(_BODIES, (_PIPES,))
    row = bodies.centre[start, 0] + bodies.half[start, 0] * draw.uniform((-0.9, 0.9), (_PIPES,))
    near, far = bodies.centre[start, 1], bodies.centre[end, 1]
    far = jnp.where(start == end, near + scale * draw.uniform((-0.5, 0.5), (_PIPES,)), far)
    half = jnp.stack([scale * draw.uniform((0.006, 0.02), (_PIPES,)), jnp.abs(far - near) / 2], axis=-1)
    return start, _Boxes(jnp.stack([row, (far + near) / 2], axis=-1), half)


def _draw_posts(
    draw: Draws, pipes: _Boxes, ground: Float[Array, ""], scale: Float[Array, ""]
) -> tuple[Int[Array, " n"], _Boxes]:
    """Returns the pipes that posts and risers belong to, and the posts."""
    under = draw.integer(_PIPES, (_POSTS,))
    place = draw.uniform((-1.0, 1.0), (_POSTS,))
    place = jnp.where(draw.chance(0.5, (_POSTS,)), jnp.sign(place), place)
    column = pipes.centre[under, 1] + pipes.half[under, 1] * place
    top = pipes.centre[under, 0]
    foot = jnp.maximum(ground, top)
    half = jnp.stack([(foot - top) / 2, scale * draw.log_uniform((0.004, 0.018), (_POSTS,))], axis=-1)
    return under, _Boxes(jnp.stack([(top + foot) / 2, column], axis=-1), half)


def _draw_fittings(draw: Draws, hosts: _Boxes, scale: Float[Array, ""]) -> tuple[Int[Array, " n"], _Boxes]:
    """Returns the objects that fittings sit on, and the fittings."""
    host = draw.integer(len(hosts.centre), (_FITTINGS,))
    on_top = jnp.stack([-jnp.ones(_FITTINGS), draw.uniform((-1.0, 1.0), (_FITTINGS,))], axis=-1)
    half = scale * draw.log_uniform((0.006, 0.03), (_FITTINGS, 2))
    return host, _Boxes(hosts.centre[host] + hosts.half[host] * on_top, half)


def _draw_railings(draw: Draws, bodies: _Boxes, scale: Float[Array, ""]) -> tuple[Int[Array, " n"], _Boxes]:
    """Returns the bodies that railings run along the tops of, and the railings."""
    below = draw.integer(_BODIES, (_RAILINGS,))
    tall = scale * draw.uniform((0.02, 0.05), (_RAILINGS,))
    wide = bodies.half[below, 1] * draw.uniform((0.3, 1.0), (_RAILINGS,))
    row = bodies.centre[below, 0] - bodies.half[below, 0] - tall
    return below, _Boxes(jnp.stack([row, bodies.centre[below, 1]], axis=-1), jnp.stack([tall, wide], axis=-1))


def _join(*sorts: _Boxes) -> _Boxes:
    return _Boxes(*(jnp.concatenate(parts) for parts in zip(*sorts, strict=True)))
