"""What a transform is.

A transform changes one thing about a clip, drawn anew for each clip from the generator it is given. It gets the frames
in the order of time, leaves its argument as it is, and treats the planes as the camera would have: what stands still
changes a frame and its means alike, what changes from frame to frame shows in the means as far as they average it.
"""

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from jaxtyping import Float32

from jvlgs_jax.data.clips import ClipSample

Range = tuple[float, float]
ClipTransform = Callable[[ClipSample, np.random.Generator], ClipSample]

MIN_AGE, MAX_AGE = 20, 800

_LEVELS = 1 << 16
_NORMAL = np.array([NormalDist().inv_cdf((level + 0.5) / _LEVELS) for level in range(_LEVELS)], np.float32)


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Float32[np.ndarray, "..."]:
    """Draws normal deviates in 65536 equally likely steps: four times as fast as exact ones, and out to 4.3."""
    return np.take(_NORMAL, rng.integers(_LEVELS, size=shape, dtype=np.uint16))


def draw_age(rng: np.random.Generator) -> int:
    """Draws how many frames the video has run before a clip: a clip does not say, and means depend on it."""
    return int(np.exp(rng.uniform(np.log(MIN_AGE), np.log(MAX_AGE))))
