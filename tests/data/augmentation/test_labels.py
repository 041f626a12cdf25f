import numpy as np

from jvlgs_jax.data.augmentation.labels import SaltAndPepper
from jvlgs_jax.data.clips import ClipSample


def test_salt_and_pepper_share():
    clip = ClipSample(np.zeros((4, 100, 200, 3), np.float32), np.full((2, 100, 200, 1), 0.5, np.float32))
    mask = SaltAndPepper(share=0.0015)(clip, np.random.default_rng(0)).mask
    assert set(np.unique(mask)) == {0, 0.5, 1}
    np.testing.assert_allclose((mask != 0.5).sum(axis=(1, 2, 3)), 30, atol=2)
    assert np.any(mask[0] != mask[1])
    assert np.all(clip.mask == 0.5)
