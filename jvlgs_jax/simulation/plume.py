"""One plume: sources that come and go, gas carried by the wind on a grid of its own, and its place in the picture.

The grid is a square patch of the picture, each cell `cell` pixels wide, with the source upwind: small and large plumes
have the same detail. Density is 1 where gas leaves the source into the mean wind, thins as the plume widens, and
decays with a lifetime (dispersed below detection; for steam, evaporated). A wind too fast to be computed is slowed as a
whole, source included; lifetime and wisps go by the wind as it was drawn.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jvlgs_jax.simulation.config import PlumeConfig
from jvlgs_jax.simulation.draws import Draws
from jvlgs_jax.simulation.flow import FlowParameters, eddies, slowed, velocity
from jvlgs_jax.simulation.spectral_noise import EvolvingNoise, evolving_noise, power_law
from jvlgs_jax.simulation.transport import carry

GRID = 96  # cells a side
SUBSTEPS = 2  # a frame
_FASTEST = 0.8 * SUBSTEPS  # cells a frame; with the diffusivity's limit, what `carry` is stable for
_MOST_DIFFUSIVE = 0.1 * SUBSTEPS  # cells² a frame
_FINE = 2  # wisps are finer than the flow's cells
_UPWIND = 0.36  # of the grid: how far the source stands off its middle
_FADE = 20  # cells over which gas fades out at the grid's edge
_ONSET_FRAMES = 4.0  # in which a leak rises to its full rate
_LEAST_RELEASE = 0.05  # of a puffing source between its puffs, so that gas comes out from onset to stop
SOURCE_KINDS = ("point", "line", "flange", "vent")
_SOURCE_SHAPES = ((1.0, 1.0), (1.0, 3.5), (2.0, 1.2), (1.6, 2.6))  # radii down and across, relative


class PlumeParameters(NamedTuple):
    """All about one plume but its place in the picture."""

    flow: FlowParameters
    onset: Float[Array, ""]  # frame of the clip at which gas starts to come out
    stop: Float[Array, ""]
    kind: Int[Array, ""]  # of SOURCE_KINDS
    radius: Float[Array, ""]  # cells
    second: Float[Array, "3"]  # second opening: rows and columns off the first, and its relative rate
    intermittency: Float[Array, ""]
    puff_period: Float[Array, "2"]  # frames
    puff_phase: Float[Array, "2"]
    diffusivity: Float[Array, ""]
    lifetime: Float[Array, ""]  # frames
    flapping: Float[Array, ""]  # radii by which the jet at the source swings to and fro
    peak: Float[Array, ""]  # optical depth of density 1
    temperature: Float[Array, ""]
    wisps: Float[Array, ""]  # deviation of the logarithm of the optical depth
    wisp_scale: Float[Array, ""]  # cells
    cell: Float[Array, ""]  # pixels
    place: Float[Array, "2"]  # of the source: row, column in pixels of the frame
    profile: Float[Array, ""]  # power of density that the optical depth follows
    interface: Float[Array, ""]  # optical depth at which gas ends in clean air; 0 where it thins without an edge
    key: Key[Array, ""]


class PlumeFields(NamedTuple):
    """What is made once a clip."""

    eddies: EvolvingNoise
    wisps: EvolvingNoise


def draw_flow(draw: Draws, config: PlumeConfig) -> FlowParameters:
    """Draws a plume's wind, and its source's place upwind."""
    speed, angle = draw.log_uniform(config.speed), draw.uniform((-config.wander, 0.25 * config.wander))
    toward = jnp.where(draw.chance(0.5), 1.0, -1.0)
    direction = jnp.stack([jnp.sin(angle), toward * jnp.cos(angle)])
    source = GRID * (0.5 - _UPWIND * direction / jnp.max(jnp.abs(direction)))
    obstacle_angle, near = draw.uniform((-1.2, 1.2)), draw.uniform((9.0, 26.0))
    turn = jnp.stack([jnp.cos(obstacle_angle), jnp.sin(obstacle_angle)])
    ahead = jnp.stack(
        [direction[0] * turn[0] - direction[1] * turn[1], direction[0] * turn[1] + direction[1] * turn[0]]
    )
    radius = draw.uniform((2.0, 6.0)) * draw.chance(config.obstacle)
    return FlowParameters(
        wind=speed * direction,
        shear=draw.uniform(config.shear),
        gust=speed * draw.uniform(config.gust, (2,)),
        gust_period=draw.log_uniform((40.0, 400.0), (2,)),
        gust_phase=draw.phase((2,)),
        updraught=speed * draw.uniform(config.updraught),
        updraught_width=draw.uniform((5.0, 20.0)),
        source=source,
        turbulence=speed * draw.log_uniform(config.turbulence),
        eddy_size=draw.log_uniform(config.eddy_size),
        eddy_change=draw.log_uniform((0.02, 0.3)),
        obstacle=jnp.append(jnp.clip(source + near * ahead, 0, GRID), radius),
        key=draw.key(),
    )


def plume_fields(plume: PlumeParameters) -> PlumeFields:
    """Makes what stays the same over a clip."""
    fine = (_FINE * GRID, _FINE * GRID)
    wisps = evolving_noise(
        plume.key,
        power_law(fine, slope=2.3, largest=_FINE * plume.wisp_scale, stretch=2.5, along=plume.flow.wind),
        drift=_FINE * plume.flow.wind,
        change=plume.flow.eddy_change,
    )
    return PlumeFields(eddies(plume.flow, (GRID, GRID)), wisps)


def release(plume: PlumeParameters, time: Float[Array, ""]) -> Float[Array, ""]:
    """Returns the rate of the source at `time`: about 1 on average, above 0 from onset to stop and 0 at other times."""
    rising = jnp.clip((time - plume.onset + 1) / _ONSET_FRAMES, 0, 1)
    swings = jnp.sin(2 * jnp.pi * time / plume.puff_period + plume.puff_phase)
    puffs = 1 + plume.intermittency * (0.7 * swings[0] + 0.5 * swings[1])
    return jnp.where((time >= plume.onset) & (time < plume.stop), rising * jnp.maximum(puffs, _LEAST_RELEASE), 0)


def advance(
    density: Float[Array, "n n"], plume: PlumeParameters, fields: PlumeFields, time: Float[Array, ""]
) -> Float[Array, "n n"]:
    """Returns the density one frame on, at `time`."""
    wind, slowdown = slowed(velocity(plume.flow, fields.eddies, time), _FASTEST)
    source = release(plume, time) * slowdown * _footprint(plume, time)
    step = 1 / SUBSTEPS

    def substep(_: Int[Array, ""] | int, density: Float[Array, "n n"]) -> Float[Array, "n n"]:
        return carry(density + step * source, wind, jnp.minimum(plume.diffusivity, _MOST_DIFFUSIVE), step=step)

    density = jax.lax.fori_loop(0, SUBSTEPS, substep, density)
    return density * jnp.exp(-1 / plume.lifetime)


def patch_optical_depth(
    density: Float[Array, "n n"], plume: PlumeParameters, fields: PlumeFields, time: Float[Array, ""]
) -> Float[Array, "m m"]:
    """Returns the optical depth on the plume's patch with its wisps, on a finer grid than the flow's."""
    smooth = jnp.maximum(_refine() @ (density * _fade()) @ _refine().T, 0)
    texture = jnp.exp(plume.wisps * fields.wisps.at(time)[0] - plume.wisps**2 / 2)
    thick = jnp.where(plume.profile == 1, smooth, smooth**plume.profile)
    return _cut_at_interface(plume.peak * thick, plume.interface) * texture


def place(
    patch: Float[Array, "m m"], plume: PlumeParameters, size: tuple[int, int], shift: Float[Array, "2"]
) -> Float[Array, "h w"]:
    """Returns the patch where it lies in a frame that is moved by `shift` pixels (row, column)."""
    weights = []
    for axis in (0, 1):
        offset = (jnp.arange(size[axis]) + shift[axis] - plume.place[axis]) / plume.cell
        weights.append(_interpolation(_FINE * (plume.flow.source[axis] + offset + 0.5) - 0.5, _FINE * GRID))
    down, across = weights
    return jnp.maximum(down @ patch @ across.T, 0)


def _footprint(plume: PlumeParameters, time: Float[Array, ""]) -> Float[Array, "n n"]:
    """What the source adds a frame: density 1 in the wind that passes it."""
    row, column = jnp.arange(GRID)[:, None], jnp.arange(GRID)[None]
    tall, wide = plume.radius * jnp.asarray(_SOURCE_SHAPES)[plume.kind]
    speed = jnp.hypot(plume.flow.wind[0], plume.flow.wind[1])
    swing = jnp.sin(2 * jnp.pi * time / plume.puff_period[::-1] + plume.puff_phase[::-1]).sum()
    swung = plume.flapping * plume.radius * swing * plume.flow.wind[::-1] / speed * jnp.array([1.0, -1.0])

    def opening(place: Float[Array, "2"]) -> Float[Array, "n n"]:
        return jnp.exp(-0.5 * (((row - place[0]) / tall) ** 2 + ((column - place[1]) / wide) ** 2))

    first = plume.flow.source + swung
    both = opening(first) + plume.second[2] * opening(first + plume.second[:2])
    return speed / (jnp.sqrt(2 * jnp.pi) * plume.radius) * both


def _cut_at_interface(depth: Float[Array, "m m"], interface: Float[Array, ""]) -> Float[Array, "m m"]:
    """Returns the depth with a steep end where it falls to `interface`.

    At the rim of a turbulent flow concentration jumps, across a layer far thinner than its eddies; a grid smears it.
    """
    height = jnp.clip(depth / jnp.maximum(interface, 1e-6) - 0.5, 0, 1)
    return jnp.where(interface > 0, depth * height * height * (3 - 2 * height), depth)


def _fade() -> Float[Array, "n n"]:
    edge = jnp.minimum(jnp.arange(GRID), jnp.arange(GRID)[::-1])
    ramp = jnp.clip((edge - 1) / _FADE, 0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return ramp[:, None] * ramp


def _refine() -> Float[Array, "m n"]:
    return _interpolation((jnp.arange(_FINE * GRID) + 0.5) / _FINE - 0.5, GRID)


def _interpolation(positions: Float[Array, " p"], count: int) -> Float[Array, "p n"]:
    """Catmull-Rom weights of `count` samples at the positions; a position outside gets none."""
    x = jnp.abs(positions[:, None] - jnp.arange(count))
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return jnp.where(x < 1, near, jnp.where(x < 2, far, 0))


def clean_air() -> Float[Array, "n n"]:
    """No gas anywhere."""
    return jnp.zeros((GRID, GRID))
