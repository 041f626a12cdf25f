import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jvlgs_jax.data.augmentation.camera import Blur, SensorNoise
from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.planes import ScenePlanes, input_planes


def rng(seed=0):
    return np.random.default_rng(seed)


def still_clip(t=4, height=60, width=80):
    return ClipSample(np.full((t, height, width, 3), 120, np.float32), np.zeros((t - 2, height, width, 1), np.float32))


def noise(planes="temporal", temporal=0.0, fixed_pattern=0.0, step=1):
    return SensorNoise(planes=input_planes(planes), temporal=temporal, fixed_pattern=fixed_pattern, step=step)


def test_blurred_planes_are_those_of_blurred_frames():
    frames = rng(1).integers(0, 256, (12, 20, 24, 1)).astype(np.uint8)
    blur = Blur(probability=1.0, sigma=(1.0, 1.0))
    as_planes = np.repeat(frames.astype(np.float32), 3, axis=-1)
    blurred = blur(ClipSample(as_planes, np.zeros((1, 20, 24, 1), np.float32)), rng()).planes[..., :1]
    planes = [
        ScenePlanes(input_planes("temporal"), video)[np.arange(6, 12)]
        for video in (frames, np.rint(blurred).astype(np.uint8))
    ]
    changed = blur(ClipSample(planes[0], np.zeros((1, 20, 24, 1), np.float32)), rng()).planes
    np.testing.assert_allclose(changed, planes[1], atol=1)


@pytest.mark.parametrize("planes", ["rgb", "grey"])
def test_noise_without_means_is_one_picture_new_in_every_frame(planes):
    noisy = noise(planes, temporal=5.0)(still_clip(), rng()).planes - 120
    np.testing.assert_allclose(noisy[..., 0], noisy[..., 2], atol=1e-4)
    flat = noisy[..., 0].reshape(4, -1)
    np.testing.assert_allclose(np.corrcoef(flat)[np.triu_indices(4, 1)], 0, atol=0.06)


@given(seed=st.integers(0, 100), step=st.sampled_from([1, 3]))
@settings(max_examples=20)
def test_means_show_what_averaging_leaves_of_noise(seed, step):
    frame, background, short_term = np.moveaxis(
        noise(temporal=8.0, step=step)(still_clip(t=8), rng(seed)).planes - 120, -1, 0
    )
    deviation = frame.std()
    assert 0 < deviation < 8.5
    # A mean with rate r keeps r / (2 - r) of the variance; a background has 20 frames at least.
    assert short_term.std() == pytest.approx(deviation * np.sqrt(0.2 / 1.8), rel=0.1)
    assert background.std() < deviation * 1.1 / np.sqrt(20)
    # Frame t + 1's mean holds a fifth of frame t, faded by what was seen since.
    weight = 0.2 * 0.8 ** (step - 1)
    slope = np.sum(short_term[1:] * frame[:-1]) / np.sum(frame[:-1] ** 2)
    assert slope == pytest.approx(weight, abs=0.02)


@given(seed=st.integers(0, 100))
@settings(max_examples=20)
def test_a_pattern_that_stays_is_in_frames_and_means_alike(seed):
    noisy = noise(fixed_pattern=6.0)(still_clip(), rng(seed)).planes - 120
    np.testing.assert_allclose(noisy, np.broadcast_to(noisy[:1, ..., :1], noisy.shape), atol=1e-4)


def test_half_the_pattern_is_in_the_columns():
    shares = []
    for seed in range(20):
        pattern = noise(fixed_pattern=6.0)(still_clip(height=200, width=300), rng(seed)).planes[0, ..., 0]
        shares.append(pattern.mean(axis=0).var() / pattern.var())
    assert np.mean(shares) == pytest.approx(0.5, abs=0.05)


def test_deviations_are_drawn_up_to_the_largest():
    deviations = [noise("grey", temporal=4.0)(still_clip(t=3), rng(seed)).planes.std() for seed in range(60)]
    assert min(deviations) < 0.4
    assert 3.6 < max(deviations) < 4.2
