import numpy as np
import pytest

from jvlgs_jax.data.resize import resize


def test_shrinking_keeps_area_means():
    image = np.random.default_rng(0).random((8, 12, 3), dtype=np.float32)
    np.testing.assert_allclose(resize(image, (4, 6)), image.reshape(4, 2, 6, 2, 3).mean(axis=(1, 3)), rtol=1e-5)


def test_enlarging_is_linear_with_half_pixel_centres():
    image = np.array([[[0.0], [1.0]]], np.float32)
    np.testing.assert_allclose(resize(image, (1, 4))[0, :, 0], [0, 0.25, 0.75, 1])


@pytest.mark.parametrize("size", [(5, 7), (30, 17), (5, 40), (24, 32)])
def test_masks_become_soft_within_0_and_1(size):
    mask = np.random.default_rng(0).integers(0, 2, (24, 32, 1)).astype(np.float32)
    resized = resize(mask, size)
    assert resized.shape == (*size, 1)
    assert 0 <= resized.min() <= resized.max() <= 1


def test_same_size_changes_nothing():
    image = np.random.default_rng(0).random((8, 12, 1), dtype=np.float32)
    np.testing.assert_array_equal(resize(image, (8, 12)), image)
