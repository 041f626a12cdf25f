from pathlib import Path

import pytest

from jvlgs_jax.config_file import returned_by
from jvlgs_jax.errors import UserError

HEADER = "from jvlgs_jax.experiment import default_config\n\n\n"


def complaint(tmp_path: Path, text: str) -> str:
    """Returns what is told of a file, after its path."""
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(UserError) as raised:
        returned_by(path, "get_config", hint="start from another")
    told = str(raised.value)
    assert told.startswith(str(path))
    assert len(told.splitlines()) == 1
    return told.removeprefix(str(path))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("config.trian.steps = 3", "unknown setting 'trian': did you mean 'train'?"),
        ("config.train.stesp = 3", "unknown setting 'stesp': did you mean 'steps'?"),
        ("config.update({'trian': 3})", "unknown setting 'trian': did you mean 'train'?"),
        ("config.zzz = 3", 'AttributeError: Key "zzz" does not exist and cannot be added since the config is locked'),
        ("config.train.steps = '3'", "TypeError: Could not override field 'steps'"),
        ("config.train.steps = ", "SyntaxError: invalid syntax"),
        ("raise ValueError", "ValueError"),
        ("from jvlgs_jax.models.pvt_v2 import PvtV2Config; PvtV2Config.variant('b9')", "b9"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_its_place(tmp_path: Path, line: str, told: str):
    found = complaint(tmp_path, f"{HEADER}def get_config():\n    config = default_config()\n    {line}\n")
    place, _, message = found.partition(": ")
    assert place == ":6"
    assert told in message
    assert len(message) < 200


def test_a_mistake_in_what_the_file_calls_has_the_line_of_the_call(tmp_path: Path):
    assert complaint(tmp_path, "import json\n\n\ndef get_config():\n    return json.loads('{')\n").startswith(
        ":5: JSON"
    )


def test_a_file_without_the_function(tmp_path: Path):
    assert complaint(tmp_path, "") == ": defines no get_config(): start from another"
    assert complaint(tmp_path, "get_config = 3\n") == ": TypeError: 'int' object is not callable"
    with pytest.raises(UserError, match=r"gone\.py: no such config file"):
        returned_by(tmp_path / "gone.py", "get_config", hint="")


def test_what_a_function_yields_comes_as_a_list(tmp_path: Path):
    path = tmp_path / "mine.py"
    path.write_text("def sweep():\n    yield 1\n    yield 2\n\n\ndef get_config():\n    yield 1\n    yield 1 / 0\n")
    assert returned_by(path, "sweep", hint="") == [1, 2]
    with pytest.raises(UserError, match=r"mine\.py:8: ZeroDivisionError"):
        returned_by(path, "get_config", hint="")
