import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.data.augmentation import (
    AugmentationConfig,
    HorizontalFlip,
    JitterScope,
    PhotometricJitter,
    Rotation,
    SaltAndPepper,
    augmentations,
)
from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.errors import UserError

OFF = {"brightness": (1.0, 1.0), "contrast": (1.0, 1.0), "color": (1.0, 1.0), "sharpness": (1.0, 1.0)}


def rng(seed=0):
    return np.random.default_rng(seed)


def noise_clip(seed=0, t=5):
    planes = rng(seed).uniform(0, 255, (t, 24, 32, 3)).astype(np.float32)
    return ClipSample(planes, rng(seed).integers(0, 2, (t - 2, 24, 32, 1)).astype(np.float32))


def blob_clip(row, column, t=4):
    """A clip whose planes are bright exactly where its masks are 1."""
    mask = np.zeros((t - 2, 41, 61, 1), np.float32)
    mask[:, row - 2 : row + 3, column - 2 : column + 3] = 1
    planes = np.broadcast_to(mask[:1] * 200, (t, 41, 61, 3)).copy()
    return ClipSample(planes, mask)


def jitter(planes="rgb", scope=JitterScope.CLIP, **ranges):
    return PhotometricJitter(planes=input_planes(planes), scope=scope, **(OFF | ranges))


def test_flip_mirrors_planes_and_masks_together():
    clip = noise_clip()
    flipped = HorizontalFlip(probability=1.0)(clip, rng())
    np.testing.assert_array_equal(flipped.planes, clip.planes[:, :, ::-1])
    np.testing.assert_array_equal(flipped.mask, clip.mask[:, :, ::-1])


@pytest.mark.parametrize(("transform", "rate"), [(HorizontalFlip, 0.5), (Rotation, 0.2)])
def test_rates_are_the_published_ones(transform, rate):
    chosen = next(t for t in augmentations(AugmentationConfig(), input_planes("rgb")) if isinstance(t, transform))
    clip, draws = noise_clip(), rng()
    changed = sum(chosen(clip, draws) is not clip for _ in range(600))
    assert changed / 600 == pytest.approx(rate, abs=0.06)


@given(seed=st.integers(0, 200), column=st.integers(15, 45))
def test_rotation_moves_planes_and_masks_together_about_the_centre(seed, column):
    turned = Rotation(probability=1.0, degrees=15)(blob_clip(row=20, column=column), rng(seed))
    rows, columns = np.nonzero(turned.mask[0, ..., 0] > 0.5)
    bright = np.nonzero(turned.planes[-1, ..., 2] > 100)
    np.testing.assert_allclose(np.mean(bright, axis=1), [rows.mean(), columns.mean()], atol=0.3)
    distance = np.hypot(rows.mean() - 20, columns.mean() - 30)
    assert distance == pytest.approx(abs(column - 30), abs=0.5)
    assert abs(rows.mean() - 20) <= abs(column - 30) * np.sin(np.radians(15)) + 0.5


def test_rotation_draws_whole_degrees_below_the_limit():
    # On the circle of radius 30 a degree is half a pixel: the blob's height tells the angle.
    heights = set()
    for seed in range(300):
        turned = Rotation(probability=1.0, degrees=2)(blob_clip(row=20, column=55), rng(seed))
        mask = turned.mask[0, ..., 0]
        heights.add(round(float((mask.sum(axis=1) * np.arange(41)).sum() / mask.sum() - 20), 1))
    expected = [round(float(-25 * np.sin(np.radians(angle))), 1) for angle in (-2, -1, 0, 1)]
    np.testing.assert_allclose(sorted(heights), sorted(expected), atol=0.11)


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


def test_salt_and_pepper_share():
    clip = ClipSample(np.zeros((4, 100, 200, 3), np.float32), np.full((2, 100, 200, 1), 0.5, np.float32))
    mask = SaltAndPepper(share=0.0015)(clip, rng()).mask
    assert set(np.unique(mask)) == {0, 0.5, 1}
    np.testing.assert_allclose((mask != 0.5).sum(axis=(1, 2, 3)), 30, atol=2)
    assert np.any(mask[0] != mask[1])
    assert np.all(clip.mask == 0.5)


def test_the_order_is_the_published_one():
    distractors, chosen = np.split(np.array(augmentations(AugmentationConfig(), input_planes("rgb"))), [2])
    clip = noise_clip()
    assert all(distractor(clip, rng()) is clip for distractor in distractors)  # the published program has none
    assert [type(t) for t in chosen] == [HorizontalFlip, Rotation, PhotometricJitter, SaltAndPepper]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"flip_probability": 1.5}, "flip_probability is 1.5, it must lie between 0 and 1"),
        ({"contrast": (1.2, 0.8)}, r"contrast is \(1.2, 0.8\), it must be 0 <= low <= high: \(1, 1\) turns it off"),
        ({"cloud_probability": -0.1}, "cloud_probability is -0.1, it must lie between 0 and 1"),
        ({"cloud_contrast": (0.0, 3.0)}, r"cloud_contrast is \(0.0, 3.0\), it must be 0 < low <= high"),
        ({"exposure_drift": -1.0}, "exposure_drift is -1.0, it must not be negative: 0 turns it off"),
        ({"rotation_degrees": 0}, "rotation_degrees is 0, .*rotation_probability 0 turns it off"),
    ],
)
def test_values_out_of_range(values, message):
    with pytest.raises(UserError, match=message):
        AugmentationConfig(**values)
