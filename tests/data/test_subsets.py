import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.data.subsets import parse_subset, scene_generator
from jvlgs_jax.errors import UserError


def supervised(clips, windows=2):
    """Clips at every frame, each of which needs `windows` successive frames labelled."""
    return np.arange(clips)[:, None] + np.arange(windows)


def choose(name, clips=30, windows=2, seed=0):
    return parse_subset(name).choose(supervised(clips, windows), scene_generator("3_bats", seed)).tolist()


@given(clips=st.integers(1, 60), shots=st.integers(1, 40), seed=st.integers(0, 100))
def test_shots_are_that_many_clips_of_every_scene(clips, shots, seed):
    chosen = choose(f"kshot:{shots}", clips, seed=seed)
    assert len(chosen) == len(set(chosen)) == min(shots, clips)
    assert chosen == sorted(chosen) == choose(f"kshot:{shots}", clips, seed=seed)


@given(clips=st.integers(1, 60), labels=st.integers(4, 40), windows=st.integers(1, 4), seed=st.integers(0, 100))
def test_frame_shots_need_no_more_labels(clips, labels, windows, seed):
    chosen = choose(f"kshot:{labels}frames", clips, windows, seed)
    needed = np.unique(supervised(clips, windows)[chosen])
    assert 0 < len(needed) <= labels
    # No clip that was left out would have fitted: labels are not wasted.
    for other in set(range(clips)) - set(chosen):
        assert len(np.union1d(needed, supervised(clips, windows)[other])) > labels


@given(clips=st.integers(1, 500), percent=st.floats(0.1, 100))
def test_a_percentage_is_rounded_up(clips, percent):
    name = f"{percent:.2f}%"
    assert len(choose(name, clips)) == int(np.ceil(clips * float(name[:-1]) / 100))


@pytest.mark.parametrize(("small", "large"), [("kshot:3", "kshot:9"), ("10%", "50%"), ("kshot:2", "all")])
def test_the_smaller_draw_is_part_of_the_larger(small, large):
    assert set(choose(small)) < set(choose(large))


def test_seeds_and_scenes_have_draws_of_their_own():
    assert choose("kshot:5", seed=1) != choose("kshot:5", seed=2)
    clips = supervised(30)
    other = parse_subset("kshot:5").choose(clips, scene_generator("4", 1)).tolist()
    assert choose("kshot:5", seed=1) != other


def test_a_scene_whose_name_is_not_utf_8_has_a_draw_of_its_own():
    draws = [scene_generator(os.fsdecode(name), 0).random() for name in (b"yard\xe9", b"yard\xe8", b"yard")]
    assert len(set(draws)) == 3


def test_too_few_labels_for_one_clip():
    with pytest.raises(UserError, match="kshot:2frames: one clip needs 3 labelled frames: use kshot:3frames or more"):
        choose("kshot:2frames", windows=3)


@pytest.mark.parametrize("name", ["all", "10%", "0.5%", "kshot:5", "kshot:1frames"])
def test_a_name_is_its_subsets_name(name):
    assert str(parse_subset(name)) == name


@given(name=st.text(max_size=20))
def test_any_text_is_a_subset_or_one_line_of_error(name):
    assert len(complaint(name).splitlines()) <= 1


def complaint(name):
    try:
        parse_subset(name)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("kshots:5", r"unknown subset 'kshots:5': the forms are all, 10%, .*did you mean 'kshot:5'\?"),
        ("0%", "must be more than 0% and at most 100%"),
        ("120%", "must be more than 0% and at most 100%"),
        ("kshot:0frames", r"the least is one: did you mean 'kshot:1frames'\?"),
    ],
)
def test_names_of_no_form(name, message):
    with pytest.raises(UserError, match=message):
        parse_subset(name)
