"""Everything that is random about a clip, drawn at once; rendering it is deterministic."""

from typing import NamedTuple, overload

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from jvlgs_jax.simulation.atmosphere import AtmosphereParameters, draw_atmosphere
from jvlgs_jax.simulation.camera import CameraParameters, draw_camera
from jvlgs_jax.simulation.config import SimulationConfig
from jvlgs_jax.simulation.draws import Draws, Range
from jvlgs_jax.simulation.movers import MoverParameters, draw_movers
from jvlgs_jax.simulation.on_screen_text import TextParameters, draw_text
from jvlgs_jax.simulation.plume import SOURCE_KINDS, PlumeParameters, draw_flow
from jvlgs_jax.simulation.scenery import SceneryParameters, draw_scenery

GAS, STEAM = 0, 1  # rows of `SceneParameters.plumes`
NEVER = 1e9  # frames
_FRACTIONS = 2**24  # parts of a whole by which `has_steam` counts
_GOLDEN = 2654435769  # 2**32 over the golden ratio


class SceneParameters(NamedTuple):
    """One clip in numbers."""

    age: Int[Array, ""]  # frames of video before the clip
    plumes: PlumeParameters  # gas, then steam
    scenery: SceneryParameters
    atmosphere: AtmosphereParameters
    movers: MoverParameters
    camera: CameraParameters
    text: TextParameters
    noise_key: Key[Array, ""]


def draw_parameters(config: SimulationConfig, index: Int[Array, ""]) -> SceneParameters:
    """Draws clip number `index` of a family."""
    family = jax.random.fold_in(jax.random.key(config.seed), config.family)
    draw = Draws(jax.random.fold_in(family, index))
    blur = draw.uniform(config.camera.blur)
    scenery = draw_scenery(draw, config.scenery, config.size, blur)
    fresh = draw.chance(config.fresh)
    age = jnp.where(fresh, 0, draw.log_uniform(config.age)).astype(int)
    plume, long_ago = config.plume, -float(config.lead_in) - 2000
    gas = _draw_plume(
        draw,
        config,
        scenery,
        schedule=_schedule(draw, config, jnp.asarray(has_gas(config, index))),
        peak=plume.peak_optical_depth,
        temperature=plume.gas_temperature,
        reach=plume.reach,
    )
    steam = _draw_plume(
        draw,
        config,
        scenery,
        schedule=(jnp.where(has_steam(config, index), long_ago, NEVER), jnp.float32(NEVER)),
        peak=plume.steam_optical_depth,
        temperature=plume.steam_temperature,
        reach=plume.steam_reach,
    )
    return SceneParameters(
        age=age,
        plumes=jax.tree.map(lambda *leaves: jnp.stack(leaves), gas, steam),
        scenery=scenery,
        atmosphere=draw_atmosphere(draw, config.distractors),
        movers=draw_movers(draw, config.distractors, config.size, scenery.horizon, config.frame_count),
        camera=draw_camera(draw, config.camera, scenery, config.frame_count),
        text=draw_text(draw, config.camera.text, config.size),
        noise_key=draw.key(),
    )


@overload
def leak_free(config: SimulationConfig, index: Array) -> Array: ...
@overload
def leak_free(config: SimulationConfig, index: np.ndarray) -> np.ndarray: ...
def leak_free(config: SimulationConfig, index: Array | np.ndarray) -> Array | np.ndarray:
    """Whether the clips of these numbers are without a leak: of gas, and of steam where the config counts it as gas."""
    return ~(has_gas(config, index) | (has_steam(config, index) & config.plume.steam_is_leak))


def has_gas(config: SimulationConfig, index: Array | np.ndarray) -> Array | np.ndarray:
    """Whether gas leaks in the clips of these numbers: evenly spread, in the share that the config asks for."""
    thousandths = round(1000 * config.plume.leak_free)
    return index % 1000 * thousandths % 1000 < 1000 - thousandths


def has_steam(config: SimulationConfig, index: Array | np.ndarray) -> Array | np.ndarray:
    """Whether steam rises in the clips of these numbers: evenly spread, with and without gas alike."""
    # Multiples of the golden ratio, modulo 1, spread evenly and never fall in step with `has_gas`, which repeats.
    fraction = (index.astype(np.uint32) * np.uint32(_GOLDEN)) >> 8
    return fraction >= _FRACTIONS - round(_FRACTIONS * config.plume.steam)


def _draw_plume(
    draw: Draws,
    config: SimulationConfig,
    scenery: SceneryParameters,
    *,
    schedule: tuple[Float[Array, ""], Float[Array, ""]],
    peak: Range,
    temperature: Range,
    reach: Range,
) -> PlumeParameters:
    plume, (onset, stop) = config.plume, schedule
    flow = draw_flow(draw, plume)
    speed = jnp.hypot(flow.wind[0], flow.wind[1])
    second_rate = draw.uniform((0.3, 1.0)) * draw.chance(plume.second_source)
    return PlumeParameters(
        flow=flow,
        onset=onset,
        stop=stop,
        kind=draw.integer(len(SOURCE_KINDS)),
        radius=draw.uniform(plume.source_radius),
        second=jnp.append(draw.uniform((-6.0, 6.0), (2,)), second_rate),
        intermittency=draw.uniform(plume.intermittency),
        puff_period=draw.log_uniform((6.0, 60.0), (2,)),
        puff_phase=draw.phase((2,)),
        diffusivity=speed * draw.log_uniform(plume.diffusivity),
        lifetime=draw.log_uniform(reach) / speed,
        flapping=draw.uniform(plume.flapping),
        peak=draw.log_uniform(peak),
        temperature=draw.uniform(temperature),
        wisps=draw.uniform(plume.wisps),
        wisp_scale=draw.log_uniform((5.0, 20.0)),
        cell=draw.log_uniform(plume.cell),
        place=_source_place(draw, scenery, config.size),
        profile=draw.uniform(plume.profile),
        interface=draw.uniform(plume.interface),
        key=draw.key(),
    )


def _schedule(
    draw: Draws, config: SimulationConfig, leaks: Bool[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """First frame of the leak and the frame after its last; `NEVER` for the onset of a clip without leak."""
    plume, frames, lead_in = config.plume, float(config.frame_count), float(config.lead_in)
    when = draw.category(plume.onset)
    long_ago = -lead_in - draw.log_uniform((1.0, 2000.0))
    onset = jnp.stack([long_ago, draw.uniform((-lead_in, 0.0)), draw.uniform((0.0, 0.9 * frames))])[when]
    stop = jnp.where(draw.chance(plume.stops), jnp.maximum(onset + 5, draw.uniform((-20.0, frames))), NEVER)
    return jnp.where(leaks, jnp.floor(onset), NEVER), jnp.floor(stop)


def _source_place(draw: Draws, scenery: SceneryParameters, size: tuple[int, int]) -> Float[Array, "2"]:
    """A place on the edge of some object that is there, now and then anywhere in the frame."""
    count = len(scenery.equipment.kind)
    ahead = (jnp.arange(count) - draw.integer(count)) % count
    item = jnp.argmin(jnp.where(scenery.equipment.present, ahead, count))  # the next one that is there
    edge = draw.uniform((-1.0, 1.0), (2,))
    edge = jnp.where(draw.chance(0.6), edge.at[0].set(-1), edge.at[1].set(jnp.sign(edge[1])))
    on_object = scenery.equipment.centre[item] + scenery.equipment.half[item] * edge
    extent = jnp.array(size, jnp.float32)
    anywhere = draw.uniform((0.1, 0.9), (2,)) * extent
    return jnp.clip(jnp.where(draw.chance(0.8), on_object, anywhere), 0.06 * extent, 0.94 * extent)
