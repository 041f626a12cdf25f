import numpy as np
import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.morphology import check_kernel, ellipse, opening


def test_the_published_ellipse_has_57_pixels():
    assert ellipse(9).sum() == 57


@pytest.mark.parametrize("size", [1, 3, 9, 21])
def test_an_odd_ellipse_is_symmetric_and_spans_its_size(size):
    element = ellipse(size)
    np.testing.assert_array_equal(element, element[::-1, ::-1])
    assert element[size // 2].all()
    assert element[:, size // 2].all()


def test_opening_keeps_what_holds_the_ellipse_and_drops_the_rest():
    mask = np.zeros((40, 40), np.uint8)
    mask[5:14, 5:14] = ellipse(9)
    blob = mask.copy()
    mask[20:28, 20:28] = 1  # one pixel too narrow
    np.testing.assert_array_equal(opening(mask, 9), blob)


def test_a_kernel_of_one_pixel_opens_nothing():
    mask = (np.random.default_rng(0).random((20, 30)) > 0.5).astype(np.uint8)
    np.testing.assert_array_equal(opening(mask, 1), mask)


def test_the_border_does_not_erode():
    mask = np.ones((20, 20), np.uint8)
    np.testing.assert_array_equal(opening(mask, 9), mask)


def test_a_kernel_without_pixels_is_refused():
    with pytest.raises(UserError, match="kernel is 0 pixels wide"):
        check_kernel(0)
