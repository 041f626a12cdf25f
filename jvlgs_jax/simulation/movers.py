"""People, vehicles, birds and insects: each a handful of capsules whose ends swing, drawn where it is now."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jvlgs_jax.simulation.config import DistractorConfig
from jvlgs_jax.simulation.draws import Draws
from jvlgs_jax.simulation.scenery import MARGIN

MOVER_KINDS = ("person", "vehicle", "bird", "insect")
_LARGEST = 0.51  # of a mover, share of the picture's height
_REACH = 0.51  # how far any mover extends from its middle, in units of its size
_RIM = 2.0  # pixels beyond it: softness and rounding
# Capsules by kind: start (row, column), end (row, column), radius, swing of the end (row, column), relative warmth;
# in units of the mover's size, rows downward, the mover facing right.
_CAPSULES = (
    (  # person: legs (thigh and shin), trunk, helmet, face, arms, hand
        (0.03, 0.02, 0.24, 0.03, 0.055, 0.0, 0.09, 0.7),
        (0.03, -0.02, 0.24, -0.01, 0.055, 0.0, -0.09, 0.6),
        (0.24, 0.03, 0.46, 0.02, 0.042, 0.0, 0.16, 0.6),
        (0.24, -0.01, 0.46, -0.03, 0.042, 0.0, -0.16, 0.5),
        (-0.27, 0.0, 0.0, 0.0, 0.095, 0.0, 0.0, 0.8),
        (-0.27, -0.05, -0.02, -0.04, 0.035, 0.0, 0.1, 0.6),
        (-0.27, 0.06, -0.03, 0.10, 0.038, 0.0, -0.12, 1.0),
        (-0.41, 0.015, -0.38, 0.02, 0.065, 0.0, 0.0, 1.5),
        (-0.46, -0.01, -0.46, 0.03, 0.05, 0.0, 0.0, 0.3),
    ),
    (  # vehicle: body, bonnet, cabin, side window, windscreen, underside, wheels, engine
        (0.06, -0.40, 0.06, 0.38, 0.10, 0.0, 0.0, 0.5),
        (0.0, 0.16, 0.02, 0.40, 0.05, 0.0, 0.0, 1.1),
        (-0.10, -0.24, -0.10, 0.06, 0.09, 0.0, 0.0, 0.4),
        (-0.10, -0.20, -0.10, -0.05, 0.05, 0.0, 0.0, -0.4),
        (-0.10, 0.07, -0.04, 0.13, 0.035, 0.0, 0.0, -0.6),
        (0.16, -0.30, 0.16, 0.30, 0.03, 0.0, 0.0, 1.2),
        (0.17, -0.26, 0.17, -0.26, 0.075, 0.0, 0.0, 0.9),
        (0.17, 0.26, 0.17, 0.26, 0.075, 0.0, 0.0, 1.0),
        (0.08, 0.40, 0.10, 0.42, 0.045, 0.0, 0.0, 1.6),
    ),
    (  # bird: body, two wings of two parts that flap, tail, head
        (0.0, -0.15, 0.0, 0.15, 0.07, 0.0, 0.0, 1.0),
        *((0.0, 0.0, -0.05, -0.22, 0.05, 0.12, 0.0, 0.9),) * 2,
        (-0.03, -0.12, -0.06, -0.48, 0.028, 0.32, 0.0, 0.7),
        *((0.0, 0.0, -0.05, 0.22, 0.05, 0.12, 0.0, 0.9),) * 2,
        (-0.03, 0.12, -0.06, 0.48, 0.028, 0.32, 0.0, 0.7),
        (0.0, -0.15, 0.03, -0.28, 0.03, 0.0, 0.0, 0.8),
        (0.0, 0.18, 0.0, 0.2, 0.05, 0.0, 0.0, 1.1),
    ),
    (  # insect: one blob, near and out of focus; the others coincide
        *((0.0, -0.1, 0.0, 0.1, 0.22, 0.0, 0.0, 1.0),) * 9,
    ),
)
_SIZES = ((0.07, 0.30), (0.08, 0.28), (0.012, 0.06), (0.01, 0.08))  # smallest and largest, shares of the height
_SPEEDS = ((0.001, 0.008), (0.002, 0.02), (0.008, 0.04), (0.01, 0.06))  # shares of the width a frame
_SWING_PERIODS = ((10.0, 20.0), (30.0, 60.0), (4.0, 12.0), (3.0, 9.0))  # frames
_SOFTNESS = (0.8, 0.8, 0.8, 2.5)  # pixels


class MoverParameters(NamedTuple):
    """Movers, one entry each; pixels of the frame, frames."""

    kind: Int[Array, " n"]  # of MOVER_KINDS
    present: Bool[Array, " n"]
    start: Float[Array, "n 2"]  # row and column at frame 0
    velocity: Float[Array, "n 2"]
    wander: Float[Array, "n 3"]  # pixels, period, phase of the way's wobble
    size: Float[Array, " n"]
    warmth: Float[Array, " n"]  # kelvin above the air
    swing: Float[Array, "n 2"]  # period, phase
    near: Bool[Array, " n"]  # in front of the gas


def draw_movers(
    draw: Draws, config: DistractorConfig, size: tuple[int, int], horizon: Float[Array, ""], frame_count: int
) -> MoverParameters:
    """Draws movers that are in view at some time of the clip or shortly before."""
    height, width = size
    n = config.mover_count
    kind = draw.category(config.movers, (n,))
    low, high = (jnp.asarray(_SIZES)[kind] * jnp.asarray(config.mover_size)).T * height
    mover_size = jnp.minimum(low * (high / low) ** draw.uniform((0.0, 1.0), (n,)), _LARGEST * height)
    slow, fast = (jnp.asarray(_SPEEDS)[kind] * jnp.asarray(config.mover_speed)).T * width
    speed = slow * (fast / slow) ** draw.uniform((0.0, 1.0), (n,)) * jnp.where(draw.chance(0.12, (n,)), 0, 1)
    heading = jnp.where(draw.chance(0.5, (n,)), 1.0, -1.0)
    climb = jnp.where(kind < 2, 0.03, 0.8) * draw.normal((n,))
    velocity = speed[:, None] * jnp.stack([climb, heading], axis=-1)
    ground_row = jnp.minimum(horizon, 0.85 * height) + draw.uniform((0.0, 0.25), (n,)) * height - 0.3 * mover_size
    row = jnp.where(kind < 2, ground_row, draw.uniform((0.0, 0.9), (n,)) * height)
    seen = draw.uniform((-10.0, float(frame_count)), (n,))  # when it passes its drawn place
    place = jnp.stack([row, draw.uniform((0.0, float(width)), (n,))], axis=-1)
    period_low, period_high = jnp.asarray(_SWING_PERIODS)[kind].T
    return MoverParameters(
        kind=kind,
        present=draw.chance(config.moving) & draw.chance(0.6, (n,)),
        start=place - velocity * seen[:, None],
        velocity=velocity,
        wander=jnp.stack(
            [
                jnp.where(kind < 2, 0.5, 6.0) * draw.uniform((0.0, 1.0), (n,)),
                draw.uniform((15.0, 80.0), (n,)),
                draw.phase((n,)),
            ],
            axis=-1,
        ),
        size=mover_size,
        warmth=draw.uniform(config.mover_temperature, (n,)),
        swing=jnp.stack(
            [period_low + (period_high - period_low) * draw.uniform((0.0, 1.0), (n,)), draw.phase((n,))], axis=-1
        ),
        near=draw.chance(0.5, (n,)) | (kind == 3),
    )


def add_movers(
    picture: Float[Array, "h w"], movers: MoverParameters, time: Float[Array, ""]
) -> tuple[Float[Array, "h w"], Float[Array, "h w"]]:
    """Paints the movers at `time` into a picture with margins; returns it and the share that near ones cover."""
    height, width = picture.shape
    side = 2 * math.ceil(_REACH * _LARGEST * (height - 2 * MARGIN) + _RIM)
    size = (min(side, height), min(side, width))

    def paint(maps: tuple[Array, Array], mover: MoverParameters) -> tuple[tuple[Array, Array], None]:
        picture, front = maps
        place = _place(mover, time) + MARGIN
        limit = jnp.array(picture.shape) - jnp.array(size)
        corner = jnp.clip(jnp.round(place - jnp.array(size) / 2).astype(int), 0, limit)
        share, warmth = _silhouette(mover, place - corner, size, time)
        patch, covered = (jax.lax.dynamic_slice(image, corner, size) for image in maps)
        patch = patch + (warmth - patch) * share
        covered = jnp.maximum(covered, share * mover.near)
        picture = jax.lax.dynamic_update_slice(picture, patch, corner)
        return (picture, jax.lax.dynamic_update_slice(front, covered, corner)), None

    return jax.lax.scan(paint, (picture, jnp.zeros_like(picture)), movers)[0]


def travel(movers: MoverParameters, times: Float[Array, " t"]) -> Float[Array, "n t 2"]:
    """Returns where the middle of each mover is: row and column, in pixels of a camera that stands still."""
    return jax.vmap(jax.vmap(_place, in_axes=(None, 0)), in_axes=(0, None))(movers, times)


def _place(mover: MoverParameters, time: Float[Array, ""]) -> Float[Array, "2"]:
    amplitude, period, phase = mover.wander
    angle = 2 * jnp.pi * time / period + phase
    return mover.start + mover.velocity * time + amplitude * jnp.stack([jnp.sin(angle), jnp.cos(1.7 * angle)])


def _silhouette(
    mover: MoverParameters, centre: Float[Array, "2"], size: tuple[int, int], time: Float[Array, ""]
) -> tuple[Float[Array, "a b"], Float[Array, "a b"]]:
    """Returns the share of each pixel of the patch that the mover covers, and its temperature there."""
    row, column = jnp.meshgrid(jnp.arange(size[0]) - centre[0], jnp.arange(size[1]) - centre[1], indexing="ij")
    row, column = row / mover.size, column / mover.size * jnp.where(mover.velocity[1] < 0, -1, 1)
    swing = jnp.sin(2 * jnp.pi * time / mover.swing[0] + mover.swing[1])
    softness = jnp.asarray(_SOFTNESS)[mover.kind] / mover.size
    share, warmth = jnp.zeros(size), jnp.zeros(size)
    for capsule in range(len(_CAPSULES[0])):
        top, left, bottom, right, radius, swing_down, swing_across, relative = (
            jnp.asarray(_CAPSULES)[mover.kind, capsule, i] for i in range(8)
        )
        down, across = bottom + swing * swing_down - top, right + swing * swing_across - left
        length = down**2 + across**2 + 1e-6
        along = jnp.clip(((row - top) * down + (column - left) * across) / length, 0, 1)
        distance = jnp.hypot(row - top - along * down, column - left - along * across) - radius
        part = jnp.clip(0.5 - distance / softness, 0, 1)
        warmth = warmth + (relative - warmth) * jnp.where(part > 0, part / jnp.maximum(part, share), 0)
        share = jnp.maximum(share, part)
    faint = jnp.where(mover.kind == 3, 0.5, 1.0)  # an insect out of focus lets the scene through
    return share * mover.present * faint, warmth * mover.warmth
