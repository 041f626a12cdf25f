import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.data.augmentation.geometry import HorizontalFlip, RandomCrop, Rotation
from jvlgs_jax.data.clips import ClipSample


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


def test_flip_mirrors_planes_and_masks_together():
    clip = noise_clip()
    flipped = HorizontalFlip(probability=1.0)(clip, rng())
    np.testing.assert_array_equal(flipped.planes, clip.planes[:, :, ::-1])
    np.testing.assert_array_equal(flipped.mask, clip.mask[:, :, ::-1])


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


@given(seed=st.integers(0, 300), scale=st.floats(0.05, 1.0))
def test_a_crop_is_the_same_part_of_planes_and_masks(seed, scale):
    # Planes that hold their own row and column tell where the part came from.
    rows, columns = np.meshgrid(np.arange(30.0), np.arange(40.0), indexing="ij")
    planes = np.broadcast_to(np.stack([rows, columns, rows], axis=-1), (4, 30, 40, 3)).astype(np.float32)
    mask = np.broadcast_to((100 * rows + columns)[..., None], (2, 30, 40, 1)).astype(np.float32)
    cropped = RandomCrop(probability=1.0, scale=(scale, scale))(ClipSample(planes, mask), rng(seed))
    assert cropped.planes.shape[1:3] == (max(round(30 * scale), 1), max(round(40 * scale), 1))
    assert np.all(np.diff(cropped.planes[..., 0], axis=1) == 1)
    assert np.all(np.diff(cropped.planes[..., 1], axis=2) == 1)
    np.testing.assert_array_equal(cropped.mask[..., 0], 100 * cropped.planes[:2, ..., 0] + cropped.planes[:2, ..., 1])


def test_crops_reach_every_corner():
    clip, draws = noise_clip(), rng()
    corners = {clip.planes[0, row, column, 0] for row in (0, -1) for column in (0, -1)}
    crop = RandomCrop(probability=1.0, scale=(0.9, 0.9))
    seen = set()
    for _ in range(200):
        part = crop(clip, draws).planes[0, ..., 0]
        seen |= {part[0, 0], part[0, -1], part[-1, 0], part[-1, -1]} & corners
    assert seen == corners
