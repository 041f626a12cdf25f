import numpy as np
import pytest

from jvlgs_jax.evaluation.baselines import BASELINES, background_difference, temporal_median

LENGTH, ONSET = 60, 40


@pytest.fixture(scope="module")
def frames():
    """A static noisy camera; from frame 40 a square of 20 pixels is 30 grey levels darker."""
    rng = np.random.default_rng(0)
    background = rng.integers(80, 160, (60, 80, 1))
    video = background + rng.normal(0, 1.5, (LENGTH, 60, 80, 1))
    video[ONSET:, 20:40, 30:50] -= 30
    return np.clip(np.rint(video), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", BASELINES)
def test_a_plume_is_found_and_nothing_before_it(name, frames):
    masks = list(BASELINES[name](frames))
    assert len(masks) == LENGTH
    assert not any(mask.any() for mask in masks[5:ONSET])
    truth = np.zeros((60, 80), bool)
    truth[20:40, 30:50] = True
    found = masks[ONSET + 2] > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.7


@pytest.mark.parametrize("name", BASELINES)
def test_a_mask_does_not_depend_on_later_frames(name, frames):
    whole, start = list(BASELINES[name](frames)), list(BASELINES[name](frames[:45]))
    np.testing.assert_array_equal(whole[:45], start)


@pytest.mark.parametrize("name", BASELINES)
def test_frames_are_read_one_by_one(name, frames):
    read = []
    masks = BASELINES[name](read.append(index) or frame for index, frame in enumerate(frames))
    next(masks)
    assert read == [0]


@pytest.mark.parametrize("name", BASELINES)
def test_colour_video_is_read_in_grey_levels(name, frames):
    colored = np.repeat(frames[:45], 3, axis=-1)
    np.testing.assert_array_equal(list(BASELINES[name](colored)), list(BASELINES[name](frames[:45])))


@pytest.mark.parametrize(("change", "found"), [(7, False), (9, True), (-7, False), (-9, True)])
def test_the_difference_must_exceed_eight_grey_levels_either_way(change, found):
    frames = np.full((2, 40, 40, 1), 100, np.uint8)
    frames[1] = 100 + change
    assert [bool(mask.any()) for mask in background_difference(frames)] == [False, found]


def test_the_median_forgets_what_passed_by_and_learns_what_stays():
    """Of a bright square that goes again and another that stays, only the second becomes background."""
    frames = np.full((300, 40, 40, 1), 100, np.uint8)
    frames[40:80, :20] = 130
    frames[150:, 20:] = 130
    masks = list(temporal_median(frames))
    assert masks[60][10, 20]
    assert not masks[110].any()
    assert masks[160][30, 20]
    assert not masks[290].any()
