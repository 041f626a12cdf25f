import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jvlgs_jax.evaluation.boundary import BoundaryCounts, boundary_counts, boundary_f, disk, outline

masks = arrays(np.uint8, (20, 25), elements=st.integers(0, 1))


def square(row, column, side, shape=(240, 320)):
    mask = np.zeros(shape, np.uint8)
    mask[row : row + side, column : column + side] = 1
    return mask


def test_an_outline_is_on_the_upper_left_of_each_change():
    mask = square(2, 2, 2, (6, 6))
    expected = np.zeros((6, 6), bool)
    expected[1, 1:4] = expected[3, 1:4] = True
    expected[2, 1] = expected[2, 3] = True
    np.testing.assert_array_equal(outline(mask), expected)


def test_the_image_edge_is_no_outline():
    assert not outline(np.ones((8, 9), np.uint8)).any()


@pytest.mark.parametrize(("radius", "pixels"), [(0, 1), (1, 5), (2, 13), (3, 29), (4, 49)])
def test_a_disk_holds_the_lattice_points_of_the_circle(radius, pixels):
    assert disk(radius).sum() == pixels


def test_the_tolerance_is_0_008_of_the_diagonal_rounded_up():
    # 240x320 has a diagonal of 400: 3.2 pixels, so 4.
    truth = square(60, 60, 80)
    assert boundary_f(boundary_counts(square(64, 60, 80), truth)) == 1
    assert boundary_f(boundary_counts(square(65, 60, 80), truth)) < 1


def test_distant_outlines_do_not_match():
    assert boundary_f(boundary_counts(square(10, 10, 30), square(120, 200, 30))) == 0


@pytest.mark.parametrize(
    ("counts", "score"),
    [
        (BoundaryCounts(0, 0, 0, 0), 1),
        (BoundaryCounts(5, 0, 0, 0), 0),
        (BoundaryCounts(0, 0, 5, 0), 0),
        (BoundaryCounts(10, 5, 4, 4), 2 * 0.5 / 1.5),
    ],
)
def test_f_of_counts(counts, score):
    assert boundary_f(counts) == pytest.approx(score)


@given(masks)
def test_a_mask_matches_itself(mask):
    assert boundary_f(boundary_counts(mask, mask)) == 1


@given(masks, masks)
def test_exchanging_the_masks_exchanges_precision_and_recall(one, other):
    there, back = boundary_counts(one, other), boundary_counts(other, one)
    assert there == BoundaryCounts(back.true, back.true_matched, back.predicted, back.predicted_matched)
    assert boundary_f(there) == pytest.approx(boundary_f(back))
    assert 0 <= boundary_f(there) <= 1
