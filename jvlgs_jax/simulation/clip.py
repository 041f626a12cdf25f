"""One simulated clip: draw its parameters, let the gas flow, show every frame to the camera, note the truth.

    clip = simulate_clip(preset("simgas_like"), 7)
    clips = simulate_batch(preset("simgas_like"), jnp.arange(16))

Both are pure functions of (config, index) and share one program a config; clip 7 is the same in every batch.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt8

from jvlgs_jax.data.planes import BACKGROUND_RATE, BACKGROUND_WARM_UP, SHORT_TERM_RATE
from jvlgs_jax.simulation.camera import aim, interlace, noise_level, sensor_noise, with_bad_pixels
from jvlgs_jax.simulation.codec import transmit
from jvlgs_jax.simulation.config import SimulationConfig
from jvlgs_jax.simulation.history import causal_background, lead_in
from jvlgs_jax.simulation.on_screen_text import overlay
from jvlgs_jax.simulation.parameters import GAS, STEAM, SceneParameters, draw_parameters
from jvlgs_jax.simulation.plume import advance, patch_optical_depth
from jvlgs_jax.simulation.scenery import MARGIN
from jvlgs_jax.simulation.stage import Stage, View, look, set_stage
from jvlgs_jax.simulation.truth import contrast_to_noise, gas_mask

SHOWN_BEFORE = 10  # frames before the clip that are recorded too, for the short-term mean and the codec's memory


class SimulatedClip(NamedTuple):
    """Frames, what the causal means had seen before them, and the truth."""

    frames: UInt8[Array, "*b t h w"]
    background: Float[Array, "*b h w"]  # mean of the frames before the clip, as data/planes.py defines it
    short_term: Float[Array, "*b h w"]
    age: Int[Array, "*b"]  # frames before the clip; 0: both means are the first frame
    optical_depth: Float[Array, "*b t h w"]  # of gas, float16; of steam too where the config counts it as gas
    contrast: Float[Array, "*b t h w"]  # grey levels that this gas adds to a noiseless frame, float16
    mask: UInt8[Array, "*b t h w"]  # 0 clear, 1 gas, 255 gas that no one could see
    steam: UInt8[Array, "*b t h w"]  # 0 clear, 1 steam, 255 steam that no one could see
    leaking: Bool[Array, "*b t"]  # gas comes out of the source
    visibility: Float[Array, "*b t"]  # contrast-to-noise ratio of the gas, 0 without gas
    source: Float[Array, "*b t 2"]  # (row, column) where it comes out, pixels; NaN where none does
    parameters: SceneParameters


class _Recorder(NamedTuple):
    """What one frame leaves to the next."""

    density: Float[Array, "p n n"]
    field: Float[Array, "h w"]  # as the sensor saw it, for interlacing
    decoded: Float[Array, "h w"]  # the last frame of the recording


def simulate_clip(config: SimulationConfig, index: int) -> SimulatedClip:
    """Returns clip number `index` of the family that `config` describes."""
    return jax.tree.map(lambda leaf: leaf[0], simulate_batch(config, jnp.asarray([index])))


def simulate_batch(config: SimulationConfig, indices: Int[Array, " b"], *, abreast: int = 1) -> SimulatedClip:
    """Returns the clips of the given numbers, stacked along a first axis.

    Always `abreast` clips are made at a time, by one program, so that the size of the batch changes no bit of a clip
    and compiles nothing anew. 1 suits a CPU; an accelerator is kept busy by 8 or more.
    """
    missing = -len(indices) % abreast
    groups = jnp.pad(indices, (0, missing), mode="edge").reshape(-1, abreast)
    made = [simulate_abreast(config, group) for group in groups]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[: len(indices)], *made)


@functools.partial(jax.jit, static_argnums=0)
def simulate_abreast(config: SimulationConfig, indices: Int[Array, " b"]) -> SimulatedClip:
    """Returns the clips of the given numbers, all made at once; another number of them may round differently."""
    return jax.vmap(lambda index: render_clip(config, draw_parameters(config, index)))(indices)


def render_clip(config: SimulationConfig, scene: SceneParameters) -> SimulatedClip:
    """Renders drawn parameters; no chance is left."""
    stage = set_stage(scene, config.size)
    past = lead_in(stage, -config.lead_in, -SHOWN_BEFORE)
    background = causal_background(stage, past, scene.age - SHOWN_BEFORE, jnp.float32(-SHOWN_BEFORE))

    def film(recorder: _Recorder, time: Float[Array, ""]) -> tuple[_Recorder, tuple[Array, ...]]:
        recorder, view = _record(stage, recorder, time)
        return recorder, (recorder.decoded.astype(jnp.uint8), *_truth(config, scene, view))

    times = jnp.arange(-SHOWN_BEFORE, config.frame_count, dtype=jnp.float32)
    blank = jnp.full(config.size, 128.0)
    filmed = jax.lax.scan(film, _Recorder(past.density, blank, blank), times)[1]
    earlier = filmed[0][:SHOWN_BEFORE].astype(jnp.float32)
    times, (frames, depth, contrast, mask, steam, visibility) = jax.tree.map(
        lambda x: x[SHOWN_BEFORE:], (times, filmed)
    )
    background, short_term = _means(background, earlier, scene.age)
    opening = frames[0].astype(jnp.float32)
    return SimulatedClip(
        frames=frames,
        background=jnp.where(scene.age > 0, background, opening),
        short_term=jnp.where(scene.age > 0, short_term, opening),
        age=scene.age,
        optical_depth=depth,
        contrast=contrast,
        mask=mask,
        steam=steam,
        leaking=_flowing(config, scene, times).any(axis=0),
        visibility=visibility,
        source=_source(config, scene, times),
        parameters=scene,
    )


def _patches(stage: Stage, density: Float[Array, "p n n"], time: Float[Array, ""]) -> Float[Array, "p m m"]:
    return jax.vmap(patch_optical_depth, in_axes=(0, 0, 0, None))(density, stage.scene.plumes, stage.plumes, time)


def _record(stage: Stage, recorder: _Recorder, time: Float[Array, ""]) -> tuple[_Recorder, View]:
    """Advances the gas to `time` and records the frame there."""
    scene = stage.scene
    density = jax.vmap(advance, in_axes=(0, 0, 0, None))(recorder.density, scene.plumes, stage.plumes, time)
    view = look(stage, _patches(stage, density, time), time)
    opening = time == -SHOWN_BEFORE
    key = jax.random.fold_in(scene.noise_key, (time + SHOWN_BEFORE + 1).astype(int))
    size = (view.grey.shape[0], view.grey.shape[1])
    field = view.grey + sensor_noise(scene.camera, size, key)
    grey = with_bad_pixels(interlace(field, recorder.field, scene.camera.interlaced & ~opening), stage.pattern.bad)
    text = overlay(scene.text, time, size)
    grey = jnp.clip(grey + (scene.text.level - grey) * text, 0, 255)
    step = jnp.where(opening, 1.0, scene.camera.codec_step)  # encoders spend more on a first frame
    decoded = jnp.rint(transmit(jnp.rint(grey), recorder.decoded, step))
    truth = (view.optical_depth, view.contrast, view.joint_contrast)
    return _Recorder(density, field, decoded), View(view.grey, *(uncovered * (1 - text) for uncovered in truth))


def _means(
    background: Float[Array, "h w"], frames: Float[Array, "n h w"], age: Int[Array, ""]
) -> tuple[Float[Array, "h w"], Float[Array, "h w"]]:
    """Takes the frames just before the clip into the background and makes the short-term mean of them.

    Of a video that starts within these frames, the earlier ones do not count.
    """
    short_term = frames[0]
    for number, frame in enumerate(frames):
        seen = age - SHOWN_BEFORE + number
        rate = jnp.where(seen < BACKGROUND_WARM_UP, 1 / jnp.maximum(seen + 1, 1), BACKGROUND_RATE)
        background = background + rate * (frame - background)
        short_term = jnp.where(seen <= 0, frame, short_term + SHORT_TERM_RATE * (frame - short_term))
    return background, short_term


def _truth(config: SimulationConfig, scene: SceneParameters, view: View) -> tuple[Array, ...]:
    plume, noise = config.plume, noise_level(scene.camera)
    least = plume.visible_contrast_to_noise * noise

    def label(depth: Float[Array, "h w"], contrast: Float[Array, "h w"]) -> UInt8[Array, "h w"]:
        return gas_mask(depth, contrast, threshold=plume.mask_optical_depth, least_contrast=least)

    steam = label(view.optical_depth[STEAM].astype(jnp.float16), view.contrast[STEAM].astype(jnp.float16))
    depth, contrast = view.optical_depth[GAS], view.contrast[GAS]
    if plume.steam_is_leak:
        depth, contrast = view.optical_depth.sum(axis=0), view.joint_contrast
    depth, contrast = depth.astype(jnp.float16), contrast.astype(jnp.float16)
    mask = label(depth, contrast)
    return depth, contrast, mask, steam, contrast_to_noise(mask, contrast.astype(jnp.float32), noise)


def _flowing(config: SimulationConfig, scene: SceneParameters, times: Float[Array, " t"]) -> Bool[Array, "p t"]:
    """Whether each plume's source gives off gas, or steam that counts as gas."""
    onset, stop = scene.plumes.onset[:, None], scene.plumes.stop[:, None]
    counts = jnp.array([True, config.plume.steam_is_leak])[:, None]
    return (times >= onset) & (times < stop) & counts


def _source(config: SimulationConfig, scene: SceneParameters, times: Float[Array, " t"]) -> Float[Array, "t 2"]:
    """Where the frames show the source: of gas if both leak; NaN where nothing does."""
    flowing = _flowing(config, scene, times)
    place = scene.plumes.place[jnp.argmax(flowing, axis=0)]
    shown = place + MARGIN - jax.vmap(aim, in_axes=(None, 0))(scene.camera, times)
    return jnp.where(flowing.any(axis=0)[:, None], shown, jnp.nan)
