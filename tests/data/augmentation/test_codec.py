import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jvlgs_jax.data.augmentation.codec import JpegArtefacts
from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.planes import input_planes


def textured(height=42, width=50, channels=1, seed=0):
    coarse = np.random.default_rng(seed).uniform(30, 220, (6, 7, channels)).astype(np.float32)
    return cv2.resize(coarse, (width, height)).reshape(height, width, channels)


def clip_of(frame, t=3):
    planes = np.broadcast_to(frame, (t, *frame.shape[:2], 3)).astype(np.float32)
    return ClipSample(planes, np.zeros((t - 2, *frame.shape[:2], 1), np.float32))


def stored(clip, planes, quality):
    transform = JpegArtefacts(planes=input_planes(planes), probability=1.0, quality=(quality, quality))
    return transform(clip, np.random.default_rng(0)).planes


@pytest.mark.parametrize("planes", ["temporal", "grey"])
def test_each_plane_is_stored_as_the_picture_it_is(planes):
    frame = np.rint(textured())
    _, encoded = cv2.imencode(".jpg", frame.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 30])
    expected = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
    result = stored(clip_of(frame), planes, 30)
    assert np.abs(result - frame).max() > 2
    np.testing.assert_array_equal(result, np.broadcast_to(expected[None, ..., None], result.shape))


def test_colours_are_stored_together_and_keep_their_places():
    colors = np.zeros((48, 64, 3), np.float32) + np.array([200, 90, 30], np.float32)
    np.testing.assert_allclose(stored(clip_of(colors), "rgb", 90), colors[None].repeat(3, axis=0), atol=4)


@given(seed=st.integers(0, 100), shift=st.floats(0, 0.49))
@settings(max_examples=20)
def test_what_stands_still_stays_still_and_fractions_are_kept(seed, shift):
    frame = np.rint(textured(seed=seed))
    clip = clip_of(frame)
    clip.planes[..., 1] += np.float32(shift)
    result = stored(clip, "temporal", 40)
    inside = (result > 0).all(axis=-1) & (result < 254).all(axis=-1)
    np.testing.assert_allclose((result[..., 1] - result[..., 0])[inside], shift, atol=1e-3)
    np.testing.assert_array_equal(result[0], result[1])


def test_less_quality_is_more_error():
    clip = clip_of(textured())
    errors = [np.abs(stored(clip, "temporal", quality) - clip.planes).mean() for quality in (95, 50, 10)]
    assert errors[0] < errors[1] < errors[2]
