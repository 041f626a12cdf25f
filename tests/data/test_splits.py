import pytest

from jvlgs_jax.data.splits import hold_out
from jvlgs_jax.errors import UserError


@pytest.fixture
def scenes(make_scene):
    groups = {"1": "group_1", "2": "group_1", "3": "group_3", "3_bats": "group_3", "9": "9"}
    return [make_scene(name, 1, group=group) for name, group in groups.items()]


@pytest.mark.parametrize("held_out", [("3", "3_bats"), ("group_3",)])
def test_hold_out_by_scene_or_by_group(scenes, held_out):
    train, test = hold_out(scenes, held_out)
    assert [s.name for s in train] == ["1", "2", "9"]
    assert [s.name for s in test] == ["3", "3_bats"]


def test_nothing_held_out(scenes):
    assert hold_out(scenes, ()) == (scenes, [])


def test_a_group_never_straddles(scenes):
    with pytest.raises(UserError, match="scene 2 shares its background with a held-out scene: hold out all of 1, 2"):
        hold_out(scenes, ("1", "9"))


def test_unknown_names_are_all_listed_with_the_nearest(scenes):
    with pytest.raises(UserError, match=r"'3_bat' \(nearest: '3_bats'\), 'group3' \(nearest: 'group_3'\)"):
        hold_out(scenes, ("3_bat", "9", "group3"))
