"""The temporal input planes of simulated clips, on the accelerator."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jvlgs_jax.data.planes import BACKGROUND_RATE, BACKGROUND_WARM_UP, SHORT_TERM_RATE
from jvlgs_jax.simulation.clip import SimulatedClip


def temporal_planes(clip: SimulatedClip) -> Float[Array, "*b t h w 3"]:
    """Returns what `data.planes.TemporalPlanes` makes of the clips: frame, causal background, short-term mean."""
    frames = jnp.moveaxis(clip.frames.astype(jnp.float32), -3, 0)

    def push(
        means: tuple[Array, Array, Array], frame: Float[Array, "*b h w"]
    ) -> tuple[tuple[Array, Array, Array], Float[Array, "*b h w 3"]]:
        background, short_term, seen = means
        planes = jnp.stack([frame, background, short_term], axis=-1)
        rate = jnp.where(seen < BACKGROUND_WARM_UP, 1 / (seen + 1), BACKGROUND_RATE)[..., None, None]
        background = background + rate * (frame - background)
        return (background, short_term + SHORT_TERM_RATE * (frame - short_term), seen + 1), planes

    planes = jax.lax.scan(push, (clip.background, clip.short_term, clip.age), frames)[1]
    return jnp.moveaxis(planes, 0, -4)
