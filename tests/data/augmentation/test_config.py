import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jvlgs_jax.data.augmentation.config import AugmentationConfig, augmentations
from jvlgs_jax.data.augmentation.geometry import HorizontalFlip, Rotation
from jvlgs_jax.data.augmentation.labels import SaltAndPepper
from jvlgs_jax.data.augmentation.photometry import PhotometricJitter
from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.errors import UserError


def rng(seed=0):
    return np.random.default_rng(seed)


def noise_clip(seed=0, t=5):
    planes = rng(seed).uniform(0, 255, (t, 24, 32, 3)).astype(np.float32)
    return ClipSample(planes, rng(seed).integers(0, 2, (t - 2, 24, 32, 1)).astype(np.float32))


@pytest.mark.parametrize(("transform", "rate"), [(HorizontalFlip, 0.5), (Rotation, 0.2)])
def test_rates_are_the_published_ones(transform, rate):
    chosen = next(t for t in augmentations(AugmentationConfig(), input_planes("rgb")) if isinstance(t, transform))
    clip, draws = noise_clip(), rng()
    changed = sum(chosen(clip, draws) is not clip for _ in range(600))
    assert changed / 600 == pytest.approx(rate, abs=0.06)


PUBLISHED = [HorizontalFlip, Rotation, PhotometricJitter, SaltAndPepper]


@pytest.mark.parametrize("planes", ["rgb", "grey", "temporal"])
def test_only_the_published_changes_are_on_and_in_the_published_order(planes):
    transforms = augmentations(AugmentationConfig(), input_planes(planes))
    assert [type(transform) for transform in transforms if type(transform) in PUBLISHED] == PUBLISHED
    clip = noise_clip()
    assert all(transform(clip, rng()) is clip for transform in transforms if type(transform) not in PUBLISHED)


ALL_ON = {
    **{f.name: 1.0 for f in dataclasses.fields(AugmentationConfig) if f.name.endswith("_probability")},
    "exposure_drift": 5.0,
    "temporal_noise": 3.0,
    "fixed_pattern_noise": 3.0,
}


@given(seed=st.integers(0, 1000), planes=st.sampled_from(["rgb", "grey", "temporal"]), t=st.sampled_from([3, 8]))
@settings(max_examples=30)
def test_all_changes_together_give_a_clip_and_leave_theirs_alone(seed, planes, t):
    clip = noise_clip(seed, t)
    kept, draws = ClipSample(*(images.copy() for images in clip)), rng(seed)
    changed = clip
    for transform in augmentations(AugmentationConfig(**ALL_ON), input_planes(planes), step=2):
        assert (before := changed) is not (changed := transform(changed, draws)), transform
        assert changed.planes.dtype == changed.mask.dtype == np.float32
        assert 0 <= changed.planes.min() <= changed.planes.max() <= 255
        assert 0 <= changed.mask.min() <= changed.mask.max() <= 1
        assert changed.planes.shape[:3] == (t, *changed.mask.shape[1:3]), (transform, before.planes.shape)
    np.testing.assert_array_equal(clip.planes, kept.planes)
    np.testing.assert_array_equal(clip.mask, kept.mask)


@pytest.mark.parametrize("planes", ["rgb", "grey", "temporal"])
def test_one_generator_gives_one_clip(planes):
    def make(seed):
        changed, draws = noise_clip(), rng(seed)
        for transform in augmentations(AugmentationConfig(**ALL_ON), input_planes(planes)):
            changed = transform(changed, draws)
        return changed

    np.testing.assert_array_equal(make(1).planes, make(1).planes)
    assert not np.array_equal(make(1).mask, make(2).mask)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"flip_probability": 1.5}, "flip_probability is 1.5, it must lie between 0 and 1"),
        ({"contrast": (1.2, 0.8)}, r"contrast is \(1.2, 0.8\), it must be 0 <= low <= high: \(1, 1\) turns it off"),
        ({"cloud_probability": -0.1}, "cloud_probability is -0.1, it must lie between 0 and 1"),
        ({"cloud_contrast": (0.0, 3.0)}, r"cloud_contrast is \(0.0, 3.0\), it must be 0 < low <= high"),
        (
            {"crop_scale": (0.5, 1.5)},
            r"\(0.5, 1.5\), it must be 0 < low <= high <= 1: \(0.5, 1\) is usual",
        ),
        ({"codec_quality": (0, 50)}, r"codec_quality is \(0, 50\), it must be 0 < low <= high <= 100"),
        ({"text_lines": 0}, "text_lines is 0, it must lie between 1 and 20: text_probability 0 turns it off"),
        ({"temporal_noise": -1.0}, "temporal_noise is -1.0, it must not be negative"),
        ({"exposure_drift": -1.0}, "exposure_drift is -1.0, it must not be negative: 0 turns it off"),
        ({"rotation_degrees": 0}, "rotation_degrees is 0, .*rotation_probability 0 turns it off"),
    ],
)
def test_values_out_of_range(values, message):
    with pytest.raises(UserError, match=message):
        AugmentationConfig(**values)
