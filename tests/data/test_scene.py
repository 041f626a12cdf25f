import dataclasses

import pytest


def test_has_leak_says_which_frames_show_gas(make_scene):
    assert make_scene("a", 6, leak_start=4).has_leak.tolist() == [False] * 4 + [True] * 2


def test_without_truth_nobody_knows(make_scene):
    with pytest.raises(ValueError, match="scene a has no truth"):
        _ = dataclasses.replace(make_scene("a"), truth=None).has_leak


def test_info_tells_all_but_the_frames(make_scene):
    scene = dataclasses.replace(make_scene("a", 6, group="hill", leak_start=4), split="val")
    info = scene.info("noise")
    assert (info.name, info.group, info.source, info.split) == ("a", "hill", "noise", "val")
    assert (info.length, info.size, info.frames_per_second) == (6, (24, 32), 15.0)
    assert info.leak is not None
    assert info.leak.tolist() == [False] * 4 + [True] * 2
    assert dataclasses.replace(scene, truth=None).info("noise").leak is None
