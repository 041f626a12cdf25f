import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.data.augmentation.config import AugmentationConfig
from jvlgs_jax.data.augmentation.photometry import JitterScope, PhotometricJitter, PolarityFlip
from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.planes import ScenePlanes, input_planes

OFF = {"brightness": (1.0, 1.0), "contrast": (1.0, 1.0), "color": (1.0, 1.0), "sharpness": (1.0, 1.0)}


def rng(seed=0):
    return np.random.default_rng(seed)


def noise_clip(seed=0, t=5):
    planes = rng(seed).uniform(0, 255, (t, 24, 32, 3)).astype(np.float32)
    return ClipSample(planes, rng(seed).integers(0, 2, (t - 2, 24, 32, 1)).astype(np.float32))


def jitter(planes="rgb", scope=JitterScope.CLIP, **ranges):
    return PhotometricJitter(planes=input_planes(planes), scope=scope, **(OFF | ranges))


def test_brightness_multiplies():
    clip = noise_clip()
    np.testing.assert_allclose(jitter(brightness=(0.5, 0.5))(clip, rng()).planes, clip.planes / 2, atol=1e-4)


def test_contrast_0_is_the_mean_grey():
    planes = jitter(contrast=(0.0, 0.0))(noise_clip(), rng()).planes
    np.testing.assert_allclose(planes, planes[0, 0, 0, 0], rtol=1e-4)


def test_color_0_is_grey_and_keeps_the_luma():
    clip = noise_clip()
    planes = jitter(color=(0.0, 0.0))(clip, rng()).planes
    for channel in range(3):
        np.testing.assert_allclose(planes[..., channel], clip.planes @ [0.299, 0.587, 0.114], rtol=1e-4)


def test_sharpness_0_smooths_as_pillow_does():
    clip = noise_clip()
    neighbours = clip.planes[0, 4:7, 4:7, 0]
    expected = (neighbours.sum() + 4 * neighbours[1, 1]) / 13
    assert jitter(sharpness=(0.0, 0.0))(clip, rng()).planes[0, 5, 5, 0] == pytest.approx(expected, rel=1e-4)


def test_factors_of_one_change_nothing():
    clip = noise_clip()
    np.testing.assert_allclose(jitter()(clip, rng()).planes, clip.planes, atol=1e-3)


@given(seed=st.integers(0, 200), name=st.sampled_from(["rgb", "temporal"]), scope=st.sampled_from(JitterScope))
def test_jitter_stays_in_range_and_leaves_masks_alone(seed, name, scope):
    published = AugmentationConfig()
    change = PhotometricJitter(
        planes=input_planes(name),
        brightness=published.brightness,
        contrast=published.contrast,
        color=published.color,
        sharpness=published.sharpness,
        scope=scope,
    )
    clip = noise_clip(seed)
    changed = change(clip, rng(seed))
    assert 0 <= changed.planes.min() <= changed.planes.max() <= 255
    assert changed.mask is clip.mask


def brightness_by_frame(scope):
    still = ClipSample(np.full((5, 8, 8, 3), 100, np.float32), np.zeros((3, 8, 8, 1), np.float32))
    return jitter(scope=scope, brightness=(0.5, 1.5))(still, rng()).planes.mean(axis=(1, 2, 3))


def test_one_draw_a_clip_makes_no_flicker():
    assert np.ptp(brightness_by_frame(JitterScope.CLIP)) == 0


def test_one_draw_a_frame_flickers_as_published():
    assert len(np.unique(brightness_by_frame(JitterScope.FRAME))) == 5


@given(seed=st.integers(0, 100))
def test_temporal_planes_change_alike(seed):
    frame = rng(seed).uniform(100, 150, (3, 24, 32, 1)).astype(np.float32)
    still = ClipSample(np.repeat(frame, 3, axis=-1), np.zeros((1, 24, 32, 1), np.float32))
    moving = still._replace(planes=still.planes + np.array([0, 5, -5], np.float32))
    mild = {"brightness": (0.8, 1.2), "contrast": (0.8, 1.2), "color": (0.0, 2.0), "sharpness": (0.5, 1.5)}
    change = jitter("temporal", **mild)
    np.testing.assert_array_equal(np.ptp(change(still, rng(seed)).planes, axis=-1), 0)
    # Constant differences stay constant: one gain for the whole picture.
    differences = change(moving, rng(seed)).planes[..., :2] - change(moving, rng(seed)).planes[..., 1:]
    np.testing.assert_array_less(np.ptp(differences, axis=(0, 1, 2)), 1e-3)


def test_polarity_is_as_if_the_camera_had_been_black_hot():
    frames = rng(3).integers(0, 256, (12, 6, 8, 1)).astype(np.uint8)
    white, black = (ScenePlanes(input_planes("temporal"), video)[np.arange(6, 12)] for video in (frames, 255 - frames))
    flipped = PolarityFlip(probability=1.0)(ClipSample(white, np.zeros((4, 6, 8, 1), np.float32)), rng())
    np.testing.assert_allclose(flipped.planes, black, atol=0.01)
