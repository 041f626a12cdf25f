import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.data.clips import MemoryReader, clip_frames, index_clips, split_by_leak
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.errors import UserError


@given(length=st.integers(1, 20), clip_length=st.integers(3, 8))
def test_every_frame_can_be_the_first_of_a_clip(length, clip_length):
    for start in range(length):
        frames = clip_frames(start, clip_length, length)
        assert frames.tolist() == [min(start + i, length - 1) for i in range(clip_length)]


def test_index_covers_every_scene(make_scene):
    clips = index_clips([make_scene("a", 5).info("noise"), make_scene("b", 3).info("noise")], stride=2)
    assert clips == [(0, 0), (0, 2), (0, 4), (1, 0), (1, 2)]


def test_a_clip_is_leak_free_if_no_supervised_frame_leaks(make_scene):
    scenes = [make_scene("a", 10, leak_start=5).info("noise")]
    leaking, leak_free = split_by_leak(scenes, index_clips(scenes, stride=1), clip_length=4)
    # 4 frames supervise 2: the clip from frame 3 sees the leak of frame 5 but is not asked about it.
    assert [clip.start for clip in leak_free] == [0, 1, 2, 3]
    assert [clip.start for clip in leaking] == [4, 5, 6, 7, 8, 9]


def test_frames_are_read_in_any_order_and_as_often_as_asked(make_scene):
    scene = make_scene("a", 10)
    frames, supervised = np.array([9, 4, 4, 0]), np.array([4, 9])
    sample = MemoryReader([make_scene("b"), scene], input_planes("rgb")).read(1, frames, supervised)
    np.testing.assert_array_equal(sample.planes[..., :1], scene.frames[frames])
    np.testing.assert_array_equal(sample.mask[..., 0], scene.truth[supervised])


def test_a_clip_in_the_middle_keeps_the_background_of_the_whole_video(make_scene):
    scene = make_scene("a", 10)
    sample = MemoryReader([scene], input_planes("temporal")).read(0, np.array([6, 7]), np.array([6]))
    np.testing.assert_allclose(sample.planes[0, ..., 1], scene.frames[:6, ..., 0].mean(axis=0), atol=0.01)


def test_masks_need_truth(make_scene):
    reader = MemoryReader([dataclasses.replace(make_scene("b"), truth=None)], input_planes("rgb"))
    assert reader.read(0, np.arange(3), np.arange(0)).mask.shape == (0, 24, 32, 1)
    with pytest.raises(UserError, match="scene b has no truth: training needs masks"):
        reader.read(0, np.arange(3), np.arange(1))
