import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jvlgs_jax.data.augmentation.distractors import DriftingClouds, ExposureDrift
from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.planes import input_planes


def still_clip(t=4, height=48, width=64):
    mask = np.zeros((t - 2, height, width, 1), np.float32)
    mask[:, 5:9, 7:20] = 1
    return ClipSample(np.full((t, height, width, 3), 120, np.float32), mask)


def clouds(planes="temporal", probability=1.0, contrast=(8.0, 8.0), speed=1.0):
    return DriftingClouds(planes=input_planes(planes), probability=probability, contrast=contrast, speed=speed)


@given(seed=st.integers(0, 500))
@settings(max_examples=20)
def test_clouds_are_no_gas(seed):
    clip = still_clip()
    clouded = clouds()(clip, np.random.default_rng(seed))
    np.testing.assert_array_equal(clouded.mask, clip.mask)
    assert clouded.planes.dtype == np.float32
    assert 0 <= clouded.planes.min() <= clouded.planes.max() <= 255


def test_clouds_move_from_frame_to_frame_and_against_their_means():
    frames, background, short_term = np.moveaxis(clouds()(still_clip(), np.random.default_rng(3)).planes, -1, 0)
    step = np.abs(frames[1] - frames[0]).mean()
    assert 0.01 < step < np.abs(frames[-1] - frames[0]).mean()
    assert np.abs(frames - short_term).mean() < np.abs(frames - background).mean()


def test_clouds_that_stand_still_are_in_every_mean():
    planes = clouds(speed=0.0)(still_clip(), np.random.default_rng(0)).planes
    np.testing.assert_allclose(planes, np.broadcast_to(planes[:1, ..., :1], planes.shape), atol=1e-3)
    assert planes.std() > 0.5


def test_clouds_have_the_contrast_asked_for():
    deviations = [clouds(contrast=(6.0, 6.0))(still_clip(), np.random.default_rng(s)).planes.std() for s in range(40)]
    assert 5 < max(deviations) < 8  # less where they cover a part of the picture only


def test_clouds_leave_colour_planes_grey():
    planes = clouds("rgb")(still_clip(), np.random.default_rng(1)).planes
    np.testing.assert_allclose(planes, np.broadcast_to(planes[..., :1], planes.shape), atol=1e-4)


def test_clouds_come_as_often_as_asked():
    rng, clip = np.random.default_rng(0), still_clip(height=8, width=8)
    assert sum(clouds(probability=0.3)(clip, rng) is not clip for _ in range(500)) / 500 == pytest.approx(0.3, abs=0.06)


@given(seed=st.integers(0, 500))
@settings(max_examples=30)
def test_exposure_moves_all_pixels_alike_and_no_further_than_asked(seed):
    drift = ExposureDrift(planes=input_planes("temporal"), amplitude=4.0)
    planes = drift(still_clip(), np.random.default_rng(seed)).planes - 120
    assert np.abs(planes).max() <= 4 + 1e-3
    np.testing.assert_allclose(np.ptp(planes, axis=(1, 2)), 0, atol=1e-4)


def test_no_exposure_drift_changes_nothing():
    clip = still_clip()
    assert ExposureDrift(planes=input_planes("temporal"), amplitude=0.0)(clip, np.random.default_rng(0)) is clip
