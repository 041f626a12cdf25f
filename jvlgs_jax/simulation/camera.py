"""From apparent temperature to the grey levels of a recording: gain, drift, shading, noise, defects, shake and pan."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from jvlgs_jax.simulation.config import CameraConfig
from jvlgs_jax.simulation.draws import Draws
from jvlgs_jax.simulation.scenery import MARGIN, SceneryParameters

_SHADING_MODES = 4  # cosines each way of the drifting shading
_RIM = 2.0  # pixels of the margin that shake and pan leave


class CameraParameters(NamedTuple):
    """A camera in numbers; grey levels unless said otherwise."""

    gain: Float[Array, ""]  # grey levels a kelvin; negative: cold is white
    zero: Float[Array, ""]  # kelvin shown at grey 0
    noise: Float[Array, ""]
    row_noise: Float[Array, ""]
    fixed_pattern: Float[Array, ""]
    vignetting: Float[Array, ""]
    gain_swing: Float[Array, "3"]  # relative amplitude, period in frames, phase
    level_swing: Float[Array, "3"]
    shading: Float[Array, "k k"]  # amplitudes of cosines down and across
    shading_period: Float[Array, "k k"]
    shading_phase: Float[Array, "k k"]
    gain_step: Float[Array, "2"]  # frame, relative change
    shake: Float[Array, "2 3"]  # pixels, period in frames, phase; down and across
    pan: Float[Array, "2"]  # pixels a frame
    interlaced: Bool[Array, ""]
    bad_pixels: Float[Array, ""]  # share
    codec_step: Float[Array, ""]
    key: Key[Array, ""]


class CameraPattern(NamedTuple):
    """What a camera adds to every frame alike, and its bad pixels."""

    offset: Float[Array, "h w"]
    bad: Bool[Array, "h w"]


def draw_camera(draw: Draws, config: CameraConfig, scene: SceneryParameters, frame_count: int) -> CameraParameters:
    """Draws a camera that shows the scene's sky dark and its equipment bright, or the other way round."""
    black, white = draw.uniform(config.black), draw.uniform(config.white)
    gain = (white - black) / (scene.equipment_level - scene.sky[0])
    zero = scene.sky[0] - black / gain
    inverted = draw.chance(config.inverted)
    modes = (_SHADING_MODES, _SHADING_MODES)
    falling = 1 / (1 + jnp.hypot(*jnp.mgrid[:_SHADING_MODES, :_SHADING_MODES].astype(jnp.float32)))
    pan_angle, pan_speed = draw.phase(), draw.log_uniform(config.pan_speed) * draw.chance(config.pan)
    # In a long clip a pan is slower, or it would stop dead at the end of the margin.
    pan_speed *= min(1.0, (MARGIN - config.vibration[1] - _RIM) / (config.pan_speed[1] * frame_count))

    def swing(amplitude: tuple[float, float]) -> Float[Array, "3"]:
        return jnp.stack([draw.uniform(amplitude), draw.log_uniform(config.drift_period), draw.phase()])

    return CameraParameters(
        gain=jnp.where(inverted, -gain, gain),
        zero=jnp.where(inverted, zero + 255 / gain, zero),
        noise=draw.log_uniform(config.noise),
        row_noise=draw.uniform(config.row_noise),
        fixed_pattern=draw.uniform(config.fixed_pattern),
        vignetting=draw.uniform(config.vignetting) * jnp.where(draw.chance(0.5), 1, -1),
        gain_swing=swing(config.gain_drift),
        level_swing=swing(config.level_drift),
        shading=draw.uniform(config.shading_drift) * falling * draw.normal(modes),
        shading_period=draw.log_uniform(config.drift_period, modes),
        shading_phase=draw.phase(modes),
        gain_step=jnp.stack(
            [draw.uniform((0.0, float(frame_count))), draw.uniform((-0.08, 0.08)) * draw.chance(config.gain_step)]
        ),
        shake=jnp.stack(
            [jnp.stack([draw.uniform(config.vibration), draw.log_uniform((2.5, 40.0)), draw.phase()]) for _ in range(2)]
        ),
        pan=pan_speed * jnp.stack([0.3 * jnp.sin(pan_angle), jnp.cos(pan_angle)]),
        interlaced=draw.chance(config.interlaced),
        bad_pixels=draw.uniform((0.0, 3e-4)) * draw.chance(config.bad_pixels),
        codec_step=draw.log_uniform(config.codec_step),
        key=draw.key(),
    )


def camera_pattern(camera: CameraParameters, size: tuple[int, int]) -> CameraPattern:
    """Makes the fixed pattern, vignetting and bad pixels."""
    pixels, columns, bad = jax.random.split(camera.key, 3)
    height, width = size
    row, column = jnp.linspace(-1, 1, height)[:, None], jnp.linspace(-1, 1, width)[None]
    pattern = 0.5 * jax.random.normal(pixels, size) + 0.8 * jax.random.normal(columns, (1, width))
    offset = camera.fixed_pattern * pattern - camera.vignetting * (row**2 + column**2) / 2
    return CameraPattern(offset, jax.random.uniform(bad, size) < camera.bad_pixels)


def aim(camera: CameraParameters, time: Float[Array, ""]) -> Float[Array, "2"]:
    """Returns where the frame's corner lies in a picture with margins: (row, column), pixels."""
    amplitude, period, phase = camera.shake.T
    shake = amplitude * jnp.sin(2 * jnp.pi * time / period + phase)
    return jnp.clip(MARGIN + shake + camera.pan * time, 0, 2 * MARGIN - 1.001)


def crop(picture: Float[Array, "h w"], corner: Float[Array, "2"], size: tuple[int, int]) -> Float[Array, "a b"]:
    """Cuts the frame out of a picture with margins, between pixels where the corner is."""
    whole = jnp.floor(corner).astype(int)
    window = jax.lax.dynamic_slice(picture, (whole[0], whole[1]), (size[0] + 1, size[1] + 1))
    down, across = corner - whole
    window = window[:-1] + down * (window[1:] - window[:-1])
    return window[:, :-1] + across * (window[:, 1:] - window[:, :-1])


def gain_at(camera: CameraParameters, time: Float[Array, ""]) -> Float[Array, ""]:
    """Returns the gain at `time`, grey levels a kelvin."""
    amplitude, period, phase = camera.gain_swing
    stepped = camera.gain_step[1] * (time >= camera.gain_step[0])
    return camera.gain * (1 + stepped + amplitude * jnp.sin(2 * jnp.pi * time / period + phase))


def response(
    camera: CameraParameters, pattern: CameraPattern, temperature: Float[Array, "h w"], time: Float[Array, ""]
) -> Float[Array, "h w"]:
    """Returns noiseless grey levels, not yet cut off at 0 and 255."""
    height, width = temperature.shape
    amplitude, period, phase = camera.level_swing
    level = amplitude * jnp.sin(2 * jnp.pi * time / period + phase)
    weights = camera.shading * jnp.sin(2 * jnp.pi * time / camera.shading_period + camera.shading_phase)
    shading = _cosines(height).T @ weights @ _cosines(width)
    return (temperature - camera.zero) * gain_at(camera, time) + pattern.offset + level + shading


def sensor_noise(camera: CameraParameters, size: tuple[int, int], key: Key[Array, ""]) -> Float[Array, "h w"]:
    """Draws one frame's noise of pixels and rows."""
    pixels, rows = jax.random.split(key)
    return camera.noise * jax.random.normal(pixels, size) + camera.row_noise * jax.random.normal(rows, (size[0], 1))


def noise_level(camera: CameraParameters) -> Float[Array, ""]:
    """Returns the deviation of a pixel of the recording, rounding included."""
    return jnp.sqrt(camera.noise**2 + camera.row_noise**2 + 1 / 12)


def with_bad_pixels(grey: Float[Array, "h w"], bad: Bool[Array, "h w"]) -> Float[Array, "h w"]:
    """Puts stuck pixels in: black or white, by their column."""
    stuck = jnp.where(jnp.arange(grey.shape[1]) % 2 == 0, 0.0, 255.0)
    return jnp.where(bad, stuck, grey)


def interlace(
    grey: Float[Array, "h w"], previous: Float[Array, "h w"], interlaced: Bool[Array, ""]
) -> Float[Array, "h w"]:
    """Takes every other row from half a frame earlier, as the mean of this frame and the one before."""
    odd = (jnp.arange(grey.shape[0]) % 2 == 1)[:, None]
    return jnp.where(odd & interlaced, (grey + previous) / 2, grey)


def _cosines(count: int) -> Float[Array, "k n"]:
    return jnp.cos(jnp.pi * jnp.arange(_SHADING_MODES)[:, None] * (jnp.arange(count) + 0.5) / count)
