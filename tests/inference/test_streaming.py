import dataclasses

import jax
import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.data.sampling import Direction
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference import streaming
from jvlgs_jax.inference.segmenter import Segmenter
from jvlgs_jax.inference.streaming import StreamingSegmenter

CLIP_LENGTH = 5  # as in the segmenter's tests, so that it is compiled once


def _frames(number, size=(64, 96), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (number, *size, 3), np.uint8)


def _windowed(bundle, frames):
    return np.stack(list(Segmenter(bundle, CLIP_LENGTH).probabilities(frames)))


@pytest.mark.slow
@pytest.mark.parametrize("direction", Direction)
def test_cameras_together_give_what_each_video_gives_by_itself(bundle, direction):
    """Three videos of other sizes and lengths, of which the second begins late and another follows the third."""
    bundle = dataclasses.replace(bundle, direction=direction, planes="temporal")
    videos = [_frames(6, seed=1), _frames(3, (33, 47), seed=2), _frames(1, seed=3), _frames(2, (96, 64), seed=4)]
    cameras = StreamingSegmenter(bundle, 3)
    assert cameras.delay == (2 if direction == Direction.LOOK_AHEAD else 0)
    told = [[], [], [], []]

    def push(*frames):
        for video, answer in enumerate(
            cameras.push([None if frame is None else videos[frame[0]][frame[1]] for frame in frames])
        ):
            if answer is not None:
                told[frames[video][0]].append(answer)

    push((0, 0), None, (2, 0))
    told[2] += cameras.finish(2)
    push((0, 1), (1, 0), None)
    push((0, 2), (1, 1), (3, 0))
    push((0, 3), None, None)
    push((0, 4), (1, 2), (3, 1))
    push((0, 5), None, None)
    for stream, video in enumerate((0, 1, 3)):
        told[video] += cameras.finish(stream)
    for answers, frames in zip(told, videos, strict=True):
        np.testing.assert_allclose(np.stack(answers), _windowed(bundle, frames), atol=2e-5)


@pytest.mark.slow
def test_two_looks_at_a_stream_give_what_they_give_of_its_clips(bundle):
    bundle = dataclasses.replace(bundle, coarse_size=(32, 64), planes="temporal", step=2)
    answers = list(StreamingSegmenter(bundle).probabilities(_frames(6)))
    np.testing.assert_allclose(np.stack(answers), _windowed(bundle, _frames(6)), atol=2e-5)


@pytest.mark.slow
def test_a_stream_compiles_once_keeps_the_same_memory_and_answers_every_frame(bundle):
    segmenter = StreamingSegmenter(bundle)
    before = streaming.stream_step._cache_size()
    shapes = set()
    for number, frame in enumerate(_frames(12)):
        (answer,) = segmenter.push([frame])
        assert (answer is None) == (number < 2)
        shapes.add(tuple(level.shape for level in segmenter._carry))
    assert len(segmenter.finish()) == 2
    assert len(list(segmenter.probabilities(_frames(1)))) == 1
    assert len(shapes) == 1
    assert streaming.stream_step._cache_size() == before + 1


@pytest.mark.slow
def test_the_first_frame_is_asked_for_when_the_network_is_compiled(bundle, monkeypatch):
    runs, before_first = [], []
    step = streaming.stream_step
    monkeypatch.setattr(streaming, "stream_step", lambda *args, **more: runs.append(args) or step(*args, **more))

    def frames():
        before_first.append(len(runs))
        yield from _frames(3)

    answers = list(StreamingSegmenter(bundle).probabilities(frames()))
    assert before_first == [1]
    np.testing.assert_allclose(np.stack(answers), _windowed(bundle, _frames(3)), atol=2e-5)


@pytest.mark.slow
def test_planes_begin_anew_where_the_view_does(bundle):
    bundle = dataclasses.replace(bundle, planes="temporal", direction=Direction.PAST_ONLY)
    frames = _frames(4)
    moved, fresh = StreamingSegmenter(bundle), StreamingSegmenter(bundle)
    for number, frame in enumerate(frames):
        moved.push([frame], starts_view=[number == 2])
        if number >= 2:
            fresh.push([frame])
    for one, other in zip(moved._carry, fresh._carry, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)  # the last two frames' features hold nothing of the old view


@pytest.mark.slow
def test_the_model_is_left_as_it_is(bundle):
    before = jax.tree.map(np.asarray, nnx.state(bundle.model))
    list(StreamingSegmenter(bundle).probabilities(_frames(3)))
    jax.tree.map(np.testing.assert_array_equal, before, nnx.state(bundle.model))


def test_wrong_numbers_of_streams_are_refused(bundle):
    with pytest.raises(UserError, match="streams is 0, the least is 1"):
        StreamingSegmenter(bundle, 0)
    with pytest.raises(ValueError, match="2 frames for 1 streams"):
        StreamingSegmenter(bundle).push([None, None])
