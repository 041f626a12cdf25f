"""Changes to the masks alone."""

from dataclasses import dataclass

import numpy as np

from jvlgs_jax.data.clips import ClipSample


@dataclass(frozen=True, kw_only=True)
class SaltAndPepper:
    """Sets a share of the pixels of each mask to 0 or 1 at random."""

    share: float

    def __call__(self, sample: ClipSample, rng: np.random.Generator) -> ClipSample:
        """Draws pixels with replacement, as published."""
        mask = sample.mask.copy()
        pixels = mask.reshape(len(mask), -1)
        count = int(self.share * pixels.shape[1])
        where = rng.integers(pixels.shape[1], size=(len(mask), count))
        np.put_along_axis(pixels, where, rng.integers(2, size=where.shape).astype(np.float32), axis=1)
        return sample._replace(mask=mask)
