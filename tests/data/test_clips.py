import dataclasses

import numpy as np
import pytest

from jvlgs_jax.data.clips import MemoryReader
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.errors import UserError


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
