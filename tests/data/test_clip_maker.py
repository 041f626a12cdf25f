import numpy as np
import pytest

from jvlgs_jax.data.augmentation.config import AugmentationConfig, augmentations
from jvlgs_jax.data.clip_maker import finish, narrow
from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.planes import input_planes

ALL_ON = AugmentationConfig(
    flip_probability=1.0,
    rotation_probability=1.0,
    crop_probability=1.0,
    cloud_probability=1.0,
    exposure_drift=4.0,
    blur_probability=1.0,
    temporal_noise=4.0,
    fixed_pattern_noise=3.0,
    polarity_probability=1.0,
    text_probability=1.0,
    codec_probability=1.0,
)


def grey_clip(t=5):
    rng = np.random.default_rng(0)
    planes = np.repeat(rng.uniform(0, 255, (t, 30, 44, 1)), 3, axis=-1).astype(np.float32)
    return ClipSample(planes, rng.integers(0, 2, (t - 2, 30, 44, 1)).astype(np.float32))


@pytest.mark.parametrize("planes", ["rgb", "grey"])
def test_one_grey_plane_goes_the_way_of_three(planes):
    wide = grey_clip()
    thin = narrow(wide, input_planes(planes))
    assert thin.planes.shape[-1] == 1
    rngs = np.random.default_rng(1), np.random.default_rng(1)
    for transform in augmentations(ALL_ON, input_planes(planes)):
        wide, thin = transform(wide, rngs[0]), transform(thin, rngs[1])
        # JPEG rounds to whole levels, so that a last bit before it may be a level after it, in few places
        apart = np.abs(wide.planes - thin.planes)
        assert np.mean(apart) < 0.02, transform
        np.testing.assert_array_equal(wide.mask, thin.mask)
    finished = finish(thin, (40, 50))
    assert finished.planes.shape == (5, 40, 50, 3)
    assert finished.mask.shape == (3, 40, 50, 1)
    assert np.ptp(finished.planes, axis=-1).max() == 0


def test_planes_that_differ_stay():
    clip = grey_clip()
    clip.planes[4, 29, 43, 2] += 1
    assert narrow(clip, input_planes("rgb")) is clip


def test_temporal_planes_stay_three_in_a_clip_that_stands_still():
    clip = grey_clip()
    assert narrow(clip, input_planes("temporal")) is clip
