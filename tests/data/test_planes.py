import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.data.planes import IMAGENET_DEVIATION, IMAGENET_MEAN, ScenePlanes, input_planes, luma
from jvlgs_jax.errors import UserError


def noise(seed, n, channels=1):
    return np.random.default_rng(seed).integers(0, 256, (n, 4, 6, channels), dtype=np.uint8)


def all_planes(name, frames):
    return ScenePlanes(input_planes(name), frames)[np.arange(len(frames))]


@given(seed=st.integers(0, 1000), cut=st.integers(1, 11), name=st.sampled_from(["rgb", "grey", "temporal"]))
def test_later_frames_never_change_earlier_planes(seed, cut, name):
    frames = noise(seed, 12)
    changed = np.concatenate([frames[:cut], 255 - frames[cut:]])
    np.testing.assert_array_equal(all_planes(name, frames)[:cut], all_planes(name, changed)[:cut])


def test_background_is_the_mean_of_the_frames_before():
    frames = noise(0, 40)
    stream = input_planes("temporal").stream()
    planes = np.stack([stream.push(frame) for frame in frames])
    np.testing.assert_array_equal(planes[0], np.repeat(frames[0], 3, axis=-1))
    for t in (1, 7, 39):
        np.testing.assert_allclose(planes[t, ..., 1], frames[:t, ..., 0].mean(axis=0), rtol=1e-5)


def test_background_forgets_slowly_after_the_warm_up():
    frames = np.concatenate([np.zeros((40, 1, 1, 1)), np.full((801, 1, 1, 1), 200)]).astype(np.uint8)
    planes = all_planes("temporal", frames)
    assert planes[-1, 0, 0, 1] == pytest.approx(200 * (1 - np.exp(-1)), rel=2e-3)


def test_short_term_mean_follows_a_step_in_a_few_frames():
    frames = np.concatenate([np.zeros((5, 1, 1, 1)), np.full((6, 1, 1, 1), 100)]).astype(np.uint8)
    planes = all_planes("temporal", frames)[:, 0, 0, 2]
    np.testing.assert_allclose(planes[5:], 100 * (1 - 0.8 ** np.arange(6)), rtol=1e-3)


@pytest.mark.parametrize(("name", "channels"), [("rgb", 3), ("temporal", 1)])
def test_planes_in_memory_are_the_streams(name, channels):
    frames = noise(3, 50, channels)
    stream = input_planes(name).stream()
    exact = np.stack([stream.push(frame) for frame in frames])
    np.testing.assert_allclose(all_planes(name, frames), exact, atol=1 / 512 + 1e-4)


@given(
    seed=st.integers(0, 1000),
    cut=st.integers(0, 60),
    name=st.sampled_from(["rgb", "grey", "temporal"]),
    kind=st.sampled_from([np.uint8, np.float32]),
)
def test_a_stream_goes_on_from_the_memory_of_another(seed, cut, name, kind):
    frames = noise(seed, 61).astype(kind)
    straight, before = input_planes(name).stream(), input_planes(name).stream()
    expected = np.stack([straight.push(frame) for frame in frames])
    for frame in frames[:cut]:
        before.push(frame)
    assert before.memory.seen == cut
    after = input_planes(name).stream(before.memory)
    np.testing.assert_array_equal(np.stack([after.push(frame) for frame in frames[cut:]]), expected[cut:])


def test_a_stream_leaves_the_memory_it_started_with_as_it_was():
    first = input_planes("temporal").stream()
    first.push(noise(0, 1)[0])
    memory = first.memory
    kept = memory.means.copy()
    input_planes("temporal").stream(memory).push(noise(1, 1)[0])
    np.testing.assert_array_equal(memory.means, kept)


def test_temporal_normalization_is_zero_without_motion():
    still = np.full((2, 3, 4, 3), 128, np.float32)
    np.testing.assert_allclose(input_planes("temporal").normalize(jnp.asarray(still)), 0, atol=1e-6)


def test_temporal_normalization_of_a_step():
    planes = jnp.asarray([[[200.0, 190.0, 206.0]]])
    expected = [200 / 128 - 1, np.arcsinh(5) / 2, np.arcsinh(-3) / 2]
    np.testing.assert_allclose(input_planes("temporal").normalize(planes)[0, 0], expected, rtol=1e-5)


def test_rgb_normalization_is_imagenets():
    planes = jnp.asarray(np.float32(255) * np.array([IMAGENET_MEAN, np.add(IMAGENET_MEAN, IMAGENET_DEVIATION)])[None])
    np.testing.assert_allclose(
        input_planes("rgb").normalize(planes.astype(jnp.float32))[0], [[0] * 3, [1] * 3], atol=1e-5
    )


def test_grey_frames_fill_the_three_colours():
    frame = noise(1, 1)[0]
    np.testing.assert_array_equal(input_planes("rgb").stream().push(frame), np.repeat(frame, 3, axis=-1))


def test_grey_planes_are_the_luma_three_times_normalised_as_rgb():
    frame = noise(1, 1, channels=3)[0]
    planes = input_planes("grey").stream().push(frame)
    np.testing.assert_array_equal(planes, np.repeat(luma(frame)[..., None], 3, axis=-1))
    normalized = [input_planes(name).normalize(jnp.asarray(planes)) for name in ("grey", "rgb")]
    np.testing.assert_array_equal(*normalized)


def test_frames_of_more_than_8_bits_keep_their_fractions():
    frame = np.full((2, 2, 1), 100.25, np.float32)
    for name in ("rgb", "grey", "temporal"):
        np.testing.assert_array_equal(input_planes(name).stream().push(frame), 100.25)


def test_luma_weighs_the_colours():
    red, green, blue = (luma(np.full((1, 1, 3), 0, np.uint8) + np.eye(3, dtype=np.uint8)[c] * 255) for c in range(3))
    assert (int(red[0, 0]), int(green[0, 0]), int(blue[0, 0])) == (76, 150, 29)


def test_unknown_planes_name_the_nearest():
    with pytest.raises(UserError, match=r"planes 'temporl'.*rgb, grey, temporal.*did you mean 'temporal'\?"):
        input_planes("temporl")


@given(phase=st.floats(0, 0.5), age=st.integers(1, 40), start=st.floats(0, 6))
def test_drift_response_is_what_a_swinging_grey_level_leaves_in_each_plane(phase, age, start):
    # 100 frames of history, so that the short-term mean has forgotten its start; the background has seen `age` frames
    wave = 100 * np.cos(start - phase * np.arange(-100, 1))
    response = input_planes("temporal").drift_response(np.array(phase), age)
    frame, background, short_term = (100 * np.exp(1j * start) * response).real
    exponential = 0.2 * 0.8 ** np.arange(100)
    assert frame == pytest.approx(wave[-1], abs=1e-6)
    assert background == pytest.approx(wave[-1 - age : -1].mean(), abs=1e-6)
    assert short_term == pytest.approx((wave[-2::-1] * exponential).sum(), abs=1e-6)
    np.testing.assert_array_equal(input_planes("rgb").drift_response(np.array(phase), age), np.ones(3))
