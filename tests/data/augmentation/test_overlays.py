import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.data.augmentation.overlays import OnScreenText
from jvlgs_jax.data.clips import ClipSample


def noise_clip(seed, height, width):
    planes = np.random.default_rng(seed).uniform(100, 150, (3, height, width, 3)).astype(np.float32)
    return ClipSample(planes, np.ones((1, height, width, 1), np.float32))


@given(seed=st.integers(0, 300), height=st.integers(8, 120), width=st.integers(8, 160))
def test_text_stands_still_in_all_planes_and_hides_no_gas(seed, height, width):
    clip = noise_clip(seed, height, width)
    written = OnScreenText(probability=1.0, lines=3)(clip, np.random.default_rng(seed))
    changed = written.planes != clip.planes
    assert changed.any()
    np.testing.assert_array_equal(changed, np.broadcast_to(changed[:1, ..., :1], changed.shape))
    assert written.mask is clip.mask
    assert 0 <= written.planes.min() <= written.planes.max() <= 255


def test_text_covers_a_small_part_of_the_picture():
    clip = noise_clip(0, 240, 320)
    shares = [
        (OnScreenText(probability=1.0, lines=4)(clip, np.random.default_rng(seed)).planes != clip.planes).mean()
        for seed in range(30)
    ]
    assert 0.001 < np.mean(shares) < 0.15
    assert max(shares) < 0.4
