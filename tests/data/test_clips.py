import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.data.clips import Clip, ClipReader, clip_frames, index_clips, split_by_leak
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.errors import UserError


@given(length=st.integers(1, 20), clip_length=st.integers(3, 8))
def test_every_frame_can_be_the_first_of_a_clip(length, clip_length):
    for start in range(length):
        frames = clip_frames(start, clip_length, length)
        assert frames.tolist() == [min(start + i, length - 1) for i in range(clip_length)]


def test_index_covers_every_scene(make_scene):
    clips = index_clips([make_scene("a", 5), make_scene("b", 3)], stride=2)
    assert clips == [(0, 0), (0, 2), (0, 4), (1, 0), (1, 2)]


def test_a_clip_is_leak_free_if_no_supervised_frame_leaks(make_scene):
    scenes = [make_scene("a", 10, leak_start=5)]
    leaking, leak_free = split_by_leak(scenes, index_clips(scenes, stride=1), clip_length=4)
    # 4 frames supervise 2: the clip from frame 3 sees the leak of frame 5 but is not asked about it.
    assert [clip.start for clip in leak_free] == [0, 1, 2, 3]
    assert [clip.start for clip in leaking] == [4, 5, 6, 7, 8, 9]


def test_windows_are_supervised_with_their_first_frame(make_scene):
    scene = make_scene("a", 10)
    sample = ClipReader([scene], input_planes("rgb"), clip_length=5).read(Clip(0, 4))
    np.testing.assert_array_equal(sample.planes[..., :1], scene.frames[4:9])
    np.testing.assert_array_equal(sample.mask[..., 0], scene.truth[4:7])


def test_a_clip_at_the_end_repeats_the_last_frame(make_scene):
    scene = make_scene("a", 10)
    sample = ClipReader([scene], input_planes("rgb"), clip_length=4).read(Clip(0, 9))
    for image in sample.planes:
        np.testing.assert_array_equal(image[..., :1], scene.frames[9])
    for mask in sample.mask:
        np.testing.assert_array_equal(mask[..., 0], scene.truth[9])


def test_a_clip_in_the_middle_keeps_the_background_of_the_whole_video(make_scene):
    scene = make_scene("a", 10)
    sample = ClipReader([scene], input_planes("temporal"), clip_length=3).read(Clip(0, 6))
    np.testing.assert_allclose(sample.planes[0, ..., 1], scene.frames[:6, ..., 0].mean(axis=0), atol=0.01)


def test_training_needs_truth(make_scene):
    scene = dataclasses.replace(make_scene("b"), truth=None)
    with pytest.raises(UserError, match="scene b has no truth: training needs masks"):
        ClipReader([make_scene("a"), scene], input_planes("rgb"), clip_length=3)


def test_a_clip_holds_a_window(make_scene):
    with pytest.raises(UserError, match="clip_length is 2, the least is 3"):
        ClipReader([make_scene("a")], input_planes("rgb"), clip_length=2)
