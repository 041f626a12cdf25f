"""What a transform is.

A transform changes one thing about a clip, drawn anew for each clip from the generator it is given. It gets the frames
in the order of time, leaves its argument as it is, and treats the planes as the camera would have: what stands still
changes a frame and its means alike, what changes from frame to frame shows in the means as far as they average it.
"""

from collections.abc import Callable

import numpy as np

from jvlgs_jax.data.clips import ClipSample

Range = tuple[float, float]
ClipTransform = Callable[[ClipSample, np.random.Generator], ClipSample]

MIN_AGE, MAX_AGE = 20, 800


def draw_age(rng: np.random.Generator) -> int:
    """Draws how many frames the video has run before a clip: a clip does not say, and means depend on it."""
    return int(np.exp(rng.uniform(np.log(MIN_AGE), np.log(MAX_AGE))))
