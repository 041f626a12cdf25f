import signal
import subprocess
import sys

import pytest

from jvlgs_jax.inference.replacement import replacement


def _names(folder):
    return [path.name for path in folder.iterdir()]


def test_a_file_appears_when_it_is_whole(tmp_path):
    target = tmp_path / "table.csv"
    with replacement(target) as partial:
        partial.write_text("new")
        assert not target.exists()
        assert partial.suffix == ".csv"
    assert target.read_text() == "new"
    assert _names(tmp_path) == ["table.csv"]


def test_a_folder_replaces_the_earlier_one_with_all_it_held(tmp_path):
    target = tmp_path / "masks"
    target.mkdir()
    (target / "old.png").touch()
    with replacement(target) as partial:
        partial.mkdir()
        (partial / "new.png").touch()
        assert _names(target) == ["old.png"]
    assert _names(target) == ["new.png"]
    assert _names(tmp_path) == ["masks"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_the_earlier_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "table.csv"
    target.write_text("old")

    def interrupted_write():
        with replacement(target) as partial:
            partial.write_text("ne")
            raise error

    with pytest.raises(error):
        interrupted_write()
    assert target.read_text() == "old"
    assert _names(tmp_path) == ["table.csv"]


def test_a_killed_process_leaves_the_earlier_folder_and_the_next_one_tidies_up(tmp_path):
    target = tmp_path / "masks"
    target.mkdir()
    (target / "old.png").touch()
    script = (
        "import os, signal, sys, pathlib\n"
        "from jvlgs_jax.inference.replacement import replacement\n"
        "with replacement(pathlib.Path(sys.argv[1])) as partial:\n"
        "    partial.mkdir(); (partial / 'new.png').touch(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    result = subprocess.run([sys.executable, "-c", script, str(target)], timeout=60)
    assert result.returncode == -signal.SIGKILL
    assert _names(target) == ["old.png"]
    with replacement(target) as partial:
        partial.mkdir()
    assert _names(tmp_path) == ["masks"]
    assert _names(target) == []
