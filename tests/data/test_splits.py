import pytest
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.data.scene import SceneInfo
from jvlgs_jax.data.splits import describe_splits, divide, parse_split
from jvlgs_jax.errors import UserError


def info(name, *, group=None, length=10, split=None):
    return SceneInfo(
        name=name,
        group=group or name,
        source="made_up",
        split=split,
        length=length,
        size=(24, 32),
        frames_per_second=15.0,
        leak=None,
    )


datasets = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 500)), min_size=9, max_size=40).map(
    lambda scenes: [info(str(i), group=f"group_{g}", length=n) for i, (g, n) in enumerate(scenes)]
)
SHARED = [info(n, group=g) for n, g in {"1": "a", "2": "a", "3": "b", "3_bats": "b", "9": "9"}.items()]


def names(scenes, numbers):
    return [scenes[i].name for i in numbers]


def test_published_folds_are_runs_of_7_6_6_6_6_in_natural_order():
    scenes = [info(str(i)) for i in (10, *range(9, 0, -1), *range(11, 32))]
    folds = [names(scenes, divide(scenes, f"published/{fold}").test) for fold in range(5)]
    assert [len(fold) for fold in folds] == [7, 6, 6, 6, 6]
    assert set(folds[0]) == {"1", "2", "3", "4", "5", "6", "7"}
    assert set(folds[1]) == {"8", "9", "10", "11", "12", "13"}


@given(scenes=datasets, form=st.sampled_from(["published/{}", "grouped/{}", "grouped/{}of2"]))
def test_folds_are_disjoint_and_cover_the_dataset(scenes, form):
    folds = 2 if form.endswith("of2") else 5
    if len({scene.group for scene in scenes}) < folds:
        return
    divisions = [divide(scenes, form.format(fold)) for fold in range(folds)]
    assert sorted(i for division in divisions for i in division.test) == list(range(len(scenes)))
    for division in divisions:
        assert sorted(division.train + division.test) == list(range(len(scenes)))


@given(scenes=datasets, folds=st.integers(2, 5))
def test_grouped_folds_keep_groups_whole_and_differ_by_a_group_at_most(scenes, folds):
    groups = {scene.group for scene in scenes}
    if len(groups) < folds:
        return
    divisions = [divide(scenes, f"grouped/{fold}of{folds}") for fold in range(folds)]
    for division in divisions:
        assert not {scenes[i].group for i in division.train} & {scenes[i].group for i in division.test}
    frames = [sum(scenes[i].length for i in division.test) for division in divisions]
    largest = max(sum(s.length for s in scenes if s.group == group) for group in groups)
    assert max(frames) - min(frames) <= largest


@given(scenes=datasets)
def test_folds_do_not_depend_on_the_order_of_the_scenes(scenes):
    for split in ("published/1", "grouped/0of2"):
        if len({scene.group for scene in scenes}) > 1:
            backwards = scenes[::-1]
            test = {backwards[i].name for i in divide(backwards, split).test}
            assert test == set(names(scenes, divide(scenes, split).test))


@pytest.mark.parametrize("split", ["hold_out:3,3_bats", "hold_out:b", "hold_out:3_bats,b"])
def test_hold_out_by_scene_or_by_group(split):
    train, test = divide(SHARED, split)
    assert names(SHARED, train) == ["1", "2", "9"]
    assert names(SHARED, test) == ["3", "3_bats"]


def test_all_holds_nothing_out():
    assert divide(SHARED, "all") == ([0, 1, 2, 3, 4], [])


def test_a_dataset_states_its_own_parts():
    scenes = [info("a", split="train"), info("b", split="val"), info("c", split="test"), info("d", split="train")]
    assert divide(scenes, "stated/test") == ([0, 3], [2])
    assert divide(scenes, "stated/val") == ([0, 3], [1])
    with pytest.raises(UserError, match="split stated/val: this dataset states test, train: use grouped/0"):
        divide([scenes[0], scenes[2]], "stated/val")


def test_a_group_never_straddles():
    with pytest.raises(UserError, match="scene 2 shares its background with a held-out scene: hold out all of 1, 2"):
        divide(SHARED, "hold_out:1,9")


def test_unknown_names_are_all_listed_with_the_nearest():
    with pytest.raises(UserError, match=r"'3_bat' \(nearest: '3_bats'\), 'c' \(nearest:"):
        divide(SHARED, "hold_out:3_bat,9,c")


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("published/2", "split published/2 needs 5 scenes, there are 2: use hold_out:NAME instead"),
        ("grouped/0", "split grouped/0 needs 5 groups, there are 2: use grouped/0of2"),
    ],
)
def test_too_few_scenes_for_the_folds(split, message):
    with pytest.raises(UserError, match=message):
        divide([info("1"), info("2")], split)


@given(
    name=st.one_of(
        st.just("all"),
        st.integers(0, 4).map("published/{}".format),
        st.integers(0, 4).map("grouped/{}".format),
        st.integers(6, 99).map("grouped/5of{}".format),
        st.sampled_from(["stated/test", "stated/val"]),
        st.lists(st.text("abc_019 ", min_size=1), min_size=1).map(lambda held: "hold_out:" + ",".join(held)),
    )
)
def test_a_name_is_its_splits_name(name):
    assert str(parse_split(name)) == name


@given(name=st.text(max_size=30))
def test_any_text_is_a_split_or_one_line_of_error(name):
    assert len(complaint(name).splitlines()) <= 1


def complaint(name):
    try:
        parse_split(name)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("groupd/2", r"unknown split 'groupd/2': the forms are all, .*did you mean 'grouped/0'\?"),
        ("holdout:a", r"did you mean 'hold_out:NAME,NAME'\?"),
        ("published/7", r"'published/7': the folds are 0 to 4: did you mean 'published/4'\?"),
        ("grouped/3of3", r"the folds are 0 to 2: did you mean 'grouped/2of3'\?"),
        ("grouped/0of1", r"has 1 folds, the least is 2"),
        ("stated/tset", r"the parts are test and val: did you mean 'stated/test'\?"),
    ],
)
def test_names_of_no_form(name, message):
    with pytest.raises(UserError, match=message):
        parse_split(name)


def test_the_table_lists_what_the_dataset_allows():
    table = describe_splits(SHARED)
    lines = {line.split()[0]: line for line in table.splitlines()}
    published, grouped = [f"published/{i}" for i in range(5)], [f"grouped/{i}of3" for i in range(3)]
    assert list(lines) == ["split", "all", *published, *grouped]
    assert "4 scenes, 40 frames  1 scenes, 10 frames" in lines["published/0"]
    assert lines["published/0"].endswith("1 (backgrounds shared with training)")
    assert "shared" not in lines["grouped/0of3"]
