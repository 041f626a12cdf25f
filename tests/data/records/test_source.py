import pytest

from jvlgs_jax.data.file_states import FileState
from jvlgs_jax.data.records.source import SOURCE, changes, read_source, save_source
from jvlgs_jax.errors import UserError

BEFORE = {"a": {"a/0.png": FileState(5, 1), "a/1.png": FileState(5, 1)}, "b": {"b.mp4": FileState(9, 1)}}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({}, ""),
        ({"a": {**BEFORE["a"], "a/1.png": FileState(5, 2)}}, "a/1.png has changed"),
        ({"a": {**BEFORE["a"], "a/1.png": FileState(6, 1)}}, "a/1.png has changed"),
        ({"a": {"a/0.png": FileState(5, 1), "a/2.png": FileState(5, 1)}}, "a/1.png is gone, a/2.png is new"),
        ({"c": {"c.mp4": FileState(9, 1)}, "b": {"b.mp4": FileState(8, 1)}}, "scene c is new"),
        ({name: {} for name in "zyxwv"}, "scene v is new, scene w is new, scene x is new and 2 more"),
    ],
)
def test_what_became_of_a_source_is_told_in_short(now, said):
    assert changes(BEFORE, BEFORE | now) == said


def test_a_scene_that_is_gone_is_told_alone():
    assert changes(BEFORE, {"a": BEFORE["a"]}) == "scene b is gone"


def test_what_is_kept_is_read_again(tmp_path):
    assert read_source(tmp_path) is None
    save_source(tmp_path, BEFORE)
    assert read_source(tmp_path) == BEFORE


@pytest.mark.parametrize("text", ["{", "[]", '{"scenes": []}', '{"scenes": {"a": {"a.png": [1]}}}'])
def test_what_is_damaged_says_what_to_remove(tmp_path, text):
    (tmp_path / SOURCE).write_text(text)
    with pytest.raises(UserError, match=r"source\.json: damaged .*: remove .* to prepare it anew"):
        read_source(tmp_path)
