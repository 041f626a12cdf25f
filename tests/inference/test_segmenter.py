import dataclasses
from itertools import count, islice

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from linear_resize import linear_resize

from jvlgs_jax.data.prompts import tokenize
from jvlgs_jax.data.sampling import ClipConfig, Direction
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference import segmenter as segmenter_module
from jvlgs_jax.inference.segmenter import Segmenter, SegmenterMemory

from .conftest import random_bundle

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
CLIP_LENGTH = 5  # the same in all tests of the network, so that it is compiled once


def _frames(number, size=(64, 96), channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (number, *size, channels), np.uint8)


def _run(bundle, frames, clip_length=CLIP_LENGTH):
    return np.stack(list(Segmenter(bundle, clip_length).probabilities(frames)))


@pytest.fixture(scope="module")
def published(bundle):
    """The network as published: frames t, t + 1 and t + 2 of its own size in, the probabilities of frame t out."""
    model = nnx.merge(*nnx.split(bundle.model))
    model.eval()
    graphdef, state = nnx.split(model)

    @jax.jit
    def segment(state, window):
        model = nnx.merge(graphdef, state)
        return jax.nn.sigmoid(model(window, model.encode_text(tokenize(bundle.prompts))).logits)

    return lambda frames: segment(state, jnp.asarray((frames / 255 - MEAN) / DEVIATION, jnp.float32)[None])[
        0, 0, ..., 0
    ]


def _fake_encode(config, state, clip, *, planes, sizes):
    """A network whose features of a frame are its planes."""
    return [jnp.asarray(clip)]


def _fake_segment(config, state, windows, text, *, sizes):
    """A network that tells which three frames a window holds, by their first plane."""
    return windows[0][..., 0].transpose(0, 2, 3, 1) @ np.array([1, 10, 100], np.float32) / 10_000


@pytest.fixture
def fake_network(monkeypatch):
    monkeypatch.setattr(segmenter_module, "encode_clip", _fake_encode)
    monkeypatch.setattr(segmenter_module, "segment_windows", _fake_segment)


@pytest.mark.slow
@pytest.mark.parametrize(
    "windows", [ClipConfig(), ClipConfig(step=2), ClipConfig(step=2, direction=Direction.PAST_ONLY)], ids=str
)
def test_every_frame_gets_what_the_published_network_says_of_its_training_window(bundle, published, windows):
    """Also shows that a clip of five frames gives what windows of three do."""
    bundle = dataclasses.replace(bundle, step=windows.step, direction=windows.direction)
    for number in (1, 4, 7):
        frames = _frames(number)
        result = _run(bundle, frames)
        assert result.shape == (number, 64, 96)
        assert result.std() > 1e-3
        for index in range(number):
            window = windows.frames(index, number).frames
            np.testing.assert_allclose(result[index], published(frames[window]), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("step", [1, 2, 5])
@pytest.mark.parametrize("clip_length", [1, 3, 8])
def test_a_frame_is_answered_with_its_own_window_whatever_the_clip_length(
    bundle, fake_network, clip_length, step, direction
):
    bundle = dataclasses.replace(bundle, input_size=(2, 3), step=step, direction=direction)
    segmenter, windows = Segmenter(bundle, clip_length), ClipConfig(step=step, direction=direction)
    for number in (1, 2, 3, 4, 7, 8, 9, 17, 24):
        frames = np.arange(number, dtype=np.uint8)[:, None, None, None] * np.ones((2, 3, 1), np.uint8)
        result = np.stack(list(segmenter.probabilities(frames)))
        expected = np.stack([windows.frames(index, number).frames for index in range(number)]) @ [1, 10, 100]
        np.testing.assert_allclose(result[:, 0, 0], 1 / (1 + np.exp(-expected / 10_000)), atol=1e-6)


@pytest.mark.parametrize(("step", "direction"), [(1, Direction.LOOK_AHEAD), (3, Direction.PAST_ONLY)])
def test_every_frame_is_encoded_once(bundle, fake_network, monkeypatch, step, direction):
    encoded = []
    monkeypatch.setattr(
        segmenter_module,
        "encode_clip",
        lambda *args, **kwargs: encoded.extend(args[2]) or _fake_encode(*args, **kwargs),
    )
    bundle = dataclasses.replace(bundle, input_size=(2, 3), step=step, direction=direction)
    frames = np.arange(24, dtype=np.uint8)[:, None, None, None] * np.ones((2, 3, 1), np.uint8)
    assert len(list(Segmenter(bundle, 8).probabilities(frames))) == 24
    assert [plane[0, 0, 0] for plane in encoded] == list(range(24))


@pytest.mark.slow
def test_with_a_coarse_size_the_larger_of_two_looks_counts(bundle, monkeypatch):
    """Colour planes are the frame itself, so that another segmenter can be shown the smaller ones."""
    monkeypatch.setattr(segmenter_module, "native_probability", lambda logits, size: logits)  # they tell more
    frames, coarse_size = _frames(7), (32, 64)
    small = linear_resize(frames, coarse_size)
    own, coarse = _run(bundle, frames), _run(dataclasses.replace(bundle, input_size=coarse_size), small)
    coarse = linear_resize(coarse[..., None], frames.shape[1:3])[..., 0]
    assert 0.05 < (coarse > own).mean() < 0.95
    found = _run(dataclasses.replace(bundle, coarse_size=coarse_size), frames)
    np.testing.assert_allclose(found, np.maximum(own, coarse), atol=1e-3 * own.std())


@pytest.mark.slow
@pytest.mark.parametrize(("changed", "answers"), [(0, {0}), (3, {1, 2, 3}), (6, {4, 5, 6})])
def test_with_colour_planes_a_frame_depends_on_itself_and_the_next_two_only(bundle, changed, answers):
    frames = _frames(7)
    other = frames.copy()
    other[changed] = 255 - other[changed]
    difference = np.abs(_run(bundle, other) - _run(bundle, frames)).max(axis=(1, 2))
    assert set(np.flatnonzero(difference > 1e-6)) == answers


def test_temporal_planes_remember_the_past_across_clips(bundle, monkeypatch):
    monkeypatch.setattr(segmenter_module, "encode_clip", _fake_encode)
    monkeypatch.setattr(
        segmenter_module,
        "segment_windows",
        lambda config, state, windows, text, *, sizes: windows[0][:, 0, ..., 1] / 255,
    )
    frames = _frames(9, channels=1)
    result = _run(dataclasses.replace(bundle, planes="temporal"), frames)
    background = np.concatenate([frames[:1], [frames[:n].mean(axis=0) for n in range(1, 9)]])[..., 0]
    np.testing.assert_allclose(result, 1 / (1 + np.exp(-background / 255)), atol=1e-5)


def test_temporal_planes_forget_the_old_view_where_the_camera_shows_a_new_one(bundle, monkeypatch):
    monkeypatch.setattr(segmenter_module, "encode_clip", _fake_encode)
    monkeypatch.setattr(
        segmenter_module,
        "segment_windows",
        lambda config, state, windows, text, *, sizes: windows[0][:, 0, ..., 1] / 255,
    )
    frames = _frames(9, channels=1)
    asked = []
    segmenter = Segmenter(dataclasses.replace(bundle, planes="temporal"), CLIP_LENGTH)
    result = list(segmenter.probabilities(frames, starts_view=lambda frame: asked.append(frame) or len(asked) == 5))
    np.testing.assert_array_equal(asked, frames)
    parts = [list(segmenter.probabilities(part)) for part in (frames[:4], frames[4:])]
    np.testing.assert_allclose(result, np.concatenate(parts), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("stop", [5, 10])
def test_with_its_memory_another_segmenter_goes_on_exactly(bundle, monkeypatch, stop):
    bundle = dataclasses.replace(bundle, planes="temporal")
    frames = _frames(13, channels=1)
    memory, answers = SegmenterMemory(), []
    for answer in Segmenter(bundle, CLIP_LENGTH).probabilities(frames, memory=memory):
        answers.append(answer)
        if len(answers) == memory.answered >= stop - 2:
            break
    assert memory.answered + memory.unanswered == stop
    rest = Segmenter(bundle, CLIP_LENGTH).probabilities(frames[stop:], memory=memory)
    np.testing.assert_array_equal([*answers, *rest], _run(bundle, frames))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(33, 47), (128, 40), (1, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_probabilities_have_the_size_of_the_video(bundle, size, channels):
    result = _run(bundle, _frames(2, size, channels))
    assert result.shape == (2, *size)
    assert result.dtype == np.float32
    assert ((result >= 0) & (result <= 1)).all()


def test_no_frames_no_results(bundle):
    assert list(Segmenter(bundle).probabilities([])) == []


@pytest.mark.parametrize(("direction", "further"), [(Direction.LOOK_AHEAD, 2 * 3), (Direction.PAST_ONLY, 0)])
def test_an_endless_stream_is_answered_with_bounded_read_ahead(bundle, fake_network, direction, further):
    read = count()

    def camera():
        while True:
            next(read)
            yield np.zeros((64, 96, 1), np.uint8)

    bundle = dataclasses.replace(bundle, step=3, direction=direction)
    answered = list(islice(Segmenter(bundle, 4).probabilities(camera()), 10))
    assert len(answered) == 10
    assert next(read) <= 10 + 4 + further


@pytest.mark.slow
def test_a_model_in_training_is_left_as_it_is(bundle):
    bundle.model.train()
    before = jax.tree.map(np.asarray, nnx.state(bundle.model))
    graphdef = nnx.graphdef(bundle.model)
    _run(bundle, _frames(3))
    jax.tree.map(np.testing.assert_array_equal, before, nnx.state(bundle.model))
    assert nnx.graphdef(bundle.model) == graphdef


@pytest.mark.slow
def test_one_compilation_serves_videos_of_any_length_and_size_and_new_weights(bundle):
    networks = (segmenter_module.encode_clip, segmenter_module.segment_windows)
    first = _run(bundle, _frames(2))
    compiled = [network._cache_size() for network in networks]
    _run(bundle, _frames(9, size=(32, 32)))
    retrained = _run(random_bundle(seed=1), _frames(2))
    assert [network._cache_size() for network in networks] == compiled
    assert np.abs(retrained - first).max() > 1e-3


def test_a_clip_without_frames_is_refused(bundle):
    with pytest.raises(UserError, match="clip length is 0, the least is 1"):
        Segmenter(bundle, clip_length=0)
