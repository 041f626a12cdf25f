import dataclasses

import pytest


def test_has_leak_says_which_frames_show_gas(make_scene):
    assert make_scene("a", 6, leak_start=4).has_leak.tolist() == [False] * 4 + [True] * 2


def test_without_truth_nobody_knows(make_scene):
    with pytest.raises(ValueError, match="scene a has no truth"):
        _ = dataclasses.replace(make_scene("a"), truth=None).has_leak
