from pathlib import Path

import pytest

from jvlgs_jax.data.hidden import is_hidden, visible


@pytest.mark.parametrize(("name", "hidden"), [("._a.mp4", True), (".cache", True), ("a.mp4", False), ("a.", False)])
def test_a_name_that_begins_with_a_dot_is_hidden(name, hidden):
    assert is_hidden(name) == hidden


def test_only_its_own_name_hides_a_path():
    assert visible([Path(".cache/b.png"), Path("a/.b.png"), Path("a/c.png")]) == [Path(".cache/b.png"), Path("a/c.png")]
