"""What happened before a clip: the gas that has spread already, and the causal background a detector would hold.

Simulating a minute of video to start two seconds of it would cost too much. The gas flows for some frames without being
shown. The background is a weighted mean of past frames, taken over a few of them at drawn times, each shown
with the mean opacity that the gas had while it flowed: exact for whatever changes linearly, and honest about how much
of a plume, of clouds and of drift the background has absorbed.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jvlgs_jax.data.planes import BACKGROUND_RATE, BACKGROUND_WARM_UP
from jvlgs_jax.simulation.plume import PlumeFields, PlumeParameters, advance, clean_air, patch_optical_depth
from jvlgs_jax.simulation.radiometry import opacity, optical_depth
from jvlgs_jax.simulation.stage import Stage, look_at_still_scene

_SAMPLES = 12  # past frames that stand for all


class Past(NamedTuple):
    """Gas at the end of the lead-in, and its mean opacity while it flowed, by plume."""

    density: Float[Array, "p n n"]
    opacity: Float[Array, "p m m"]


def lead_in(stage: Stage, start: int, end: int) -> Past:
    """Lets the gas flow from frame `start` of the clip, a negative number, up to, not including, frame `end`."""
    return jax.vmap(_flow_one, in_axes=(0, 0, None, None))(stage.scene.plumes, stage.plumes, start, end)


def causal_background(stage: Stage, past: Past, seen: Int[Array, ""], end: Float[Array, ""]) -> Float[Array, "h w"]:
    """Returns the background (see data/planes.py) over the `seen` frames before frame `end`, still scene only."""
    draws = jax.random.uniform(jax.random.fold_in(stage.scene.noise_key, 0), (_SAMPLES,))
    ages = _weighted_ages((jnp.arange(_SAMPLES) + draws) / _SAMPLES, seen)

    def add(total: Float[Array, "h w"], age: Float[Array, ""]) -> tuple[Float[Array, "h w"], None]:
        time = end - 1 - age
        flowing = (time >= stage.scene.plumes.onset) & (time < stage.scene.plumes.stop)
        patches = optical_depth(jnp.clip(past.opacity, 0, 0.999)) * flowing[:, None, None]
        return total + jnp.clip(look_at_still_scene(stage, patches, time), 0, 255) / _SAMPLES, None

    return jax.lax.scan(add, jnp.zeros(stage.pattern.offset.shape), ages)[0]


def _flow_one(plume: PlumeParameters, fields: PlumeFields, start: int, end: int) -> Past:
    def flow(carried: tuple[Array, Array, Array], time: Float[Array, ""]) -> tuple[tuple[Array, Array, Array], None]:
        density, total, count = carried
        density = advance(density, plume, fields, time)
        since = jnp.where(plume.onset < start, start // 2, plume.onset)  # by then an old plume has its full length
        counted = (time >= since) & (time < plume.stop)
        return (density, total + counted * density, count + counted), None

    nothing = (clean_air(), clean_air(), jnp.float32(0))
    times = jnp.arange(start, end, dtype=jnp.float32)
    density, total, count = jax.lax.scan(flow, nothing, times)[0]
    mean = total / jnp.maximum(count, 1)
    return Past(density, opacity(patch_optical_depth(mean, plume._replace(wisps=jnp.float32(0)), fields, times[0])))


def _weighted_ages(quantiles: Float[Array, " k"], seen: Int[Array, ""]) -> Float[Array, " k"]:
    """Frames back at the quantiles of the background's weights: recent ones exponential, the warm-up even."""
    warm_up = jnp.clip(seen, 1, BACKGROUND_WARM_UP)
    decaying = jnp.maximum(seen - BACKGROUND_WARM_UP, 0)
    log_keep = jnp.log1p(-BACKGROUND_RATE)
    recent_share = -jnp.expm1(decaying * log_keep)
    recent = jnp.log1p(-jnp.minimum(quantiles, recent_share)) / log_keep
    earlier = decaying + warm_up * (quantiles - recent_share) / (1 - recent_share)
    return jnp.floor(jnp.where(quantiles < recent_share, recent, earlier))
