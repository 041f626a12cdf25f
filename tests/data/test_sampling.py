import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.data.sampling import ClipConfig, Direction, has_leak, index_clips
from jvlgs_jax.data.subsets import parse_subset
from jvlgs_jax.errors import UserError


def all_clips(scenes, config):
    return index_clips(scenes, range(len(scenes)), config, parse_subset("all"), seed=0)


@given(scene=st.integers(1, 20), length=st.integers(3, 8), step=st.integers(1, 4), first=st.integers(0, 19))
def test_a_clip_looks_ahead_and_repeats_the_last_frame(scene, length, step, first):
    if first >= scene:
        return
    frames, supervised = ClipConfig(length=length, step=step).frames(first, scene)
    assert frames.tolist() == [min(first + step * i, scene - 1) for i in range(length)]
    assert supervised.tolist() == frames[: length - 2].tolist()


@given(scene=st.integers(1, 20), length=st.integers(3, 8), step=st.integers(1, 4), first=st.integers(0, 19))
def test_a_past_only_clip_never_sees_later_frames_than_it_is_asked_about(scene, length, step, first):
    if first >= scene:
        return
    frames, supervised = ClipConfig(length=length, step=step, direction=Direction.PAST_ONLY).frames(first, scene)
    assert frames.tolist() == [max(first - step * i, 0) for i in range(length)]
    for i, asked in enumerate(supervised):
        assert frames[i] == asked == frames[i : i + 3].max()


def test_index_covers_every_scene(make_scene):
    scenes = [make_scene(name, n).info("noise") for name, n in (("a", 5), ("b", 3))]
    assert all_clips(scenes, ClipConfig(stride=2)).tolist() == [[0, 0], [0, 2], [0, 4], [1, 0], [1, 2]]
    assert index_clips(scenes, [1], ClipConfig(), parse_subset("all"), seed=0).tolist() == [[1, 0], [1, 1], [1, 2]]


def test_a_subset_is_drawn_in_every_scene(make_scene):
    scenes = [make_scene(name, 20).info("noise") for name in ("a", "b")]
    clips = index_clips(scenes, [0, 1], ClipConfig(), parse_subset("kshot:4"), seed=1)
    assert clips[:, 0].tolist() == [0] * 4 + [1] * 4
    alone = index_clips(scenes, [1], ClipConfig(), parse_subset("kshot:4"), seed=1)
    assert clips[4:].tolist() == alone.tolist()  # a scene's draw does not depend on the others
    assert clips[:4, 1].tolist() != clips[4:, 1].tolist()


@pytest.mark.parametrize(("direction", "leak_free"), [("look_ahead", [0, 1, 2, 3]), ("past_only", [0, 1, 2, 3, 4])])
def test_a_clip_is_leak_free_if_no_supervised_frame_leaks(make_scene, direction, leak_free):
    scenes = [make_scene("a", 10, leak_start=5).info("noise")]
    config = ClipConfig(length=4, direction=Direction(direction))
    leaks = has_leak(scenes, all_clips(scenes, config), config)
    # 4 frames supervise 2: looking ahead, the clip from frame 3 sees the leak of frame 5 but is not asked about it.
    assert np.flatnonzero(~leaks).tolist() == leak_free


def test_whether_there_is_gas_needs_truth(make_scene):
    scenes = [dataclasses.replace(make_scene("a"), truth=None).info("noise")]
    with pytest.raises(UserError, match="scene a has no truth"):
        has_leak(scenes, all_clips(scenes, ClipConfig()), ClipConfig())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"length": 2}, "clips.length is 2, the least is 3"),
        ({"step": 0}, "clips.step is 0, the least is 1"),
        ({"stride": 0}, "clips.stride is 0, the least is 1"),
        ({"reversal_probability": 2.0}, "clips.reversal_probability is 2.0, it must lie between 0 and 1"),
    ],
)
def test_values_out_of_range(values, message):
    with pytest.raises(UserError, match=message):
        ClipConfig(**values)
