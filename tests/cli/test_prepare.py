import re

import cv2
import numpy as np
import pytest

from jvlgs_jax.cli.main import main
from jvlgs_jax.data.layouts import find_scenes


@pytest.fixture
def raw(tmp_path):
    """Two SimGas scenes of four frames, the later two with gas."""
    for name in ("1", "2_human"):
        for kind, level in (("images", 90), ("masks", 60)):
            (tmp_path / "raw" / name / kind).mkdir(parents=True)
            for number in range(4):
                value = level if kind == "images" or number > 1 else 0
                cv2.imwrite(str(tmp_path / "raw" / name / kind / f"{number}.png"), np.full((8, 12), value, np.uint8))
    return tmp_path / "raw"


def test_it_builds_and_prints_the_table_and_then_checks(raw, tmp_path, capsys):
    arguments = ["prepare", "--dataset=simgas", f"--data-dir={tmp_path / 'data'}"]
    assert main([*arguments, f"--manual-dir={raw}"]) == 0
    printed = capsys.readouterr().out
    rows = {line.split()[0]: line.split() for line in printed.splitlines() if line.strip()}
    assert rows["2_human"][1:5] == ["group_1", "4", "2", "50.00"]
    assert rows["all"][1:6] == ["2", "1", "groups", "8", "4"]
    assert str(tmp_path / "data" / "simgas" / "over_20" / "1.0.0") in printed
    assert main(arguments) == 0
    assert capsys.readouterr().out == printed


def test_skipped_scenes_are_listed(raw, tmp_path, capsys):
    (raw / "1" / "masks" / "3.png").unlink()
    arguments = ["prepare", "--dataset=simgas", f"--data-dir={tmp_path / 'data'}", f"--manual-dir={raw}"]
    assert main(arguments) == 2
    assert "1/images/3.png: its mask masks/3.png is missing" in capsys.readouterr().err
    assert main([*arguments, "--skip-bad"]) == 0
    assert "skipped 1 damaged scenes:\n  1: " in capsys.readouterr().out


def test_missing_data_is_one_line_and_exit_code_2(tmp_path, capsys):
    assert main(["prepare", "--dataset=igs", f"--manual-dir={tmp_path}", f"--data-dir={tmp_path / 'data'}"]) == 2
    error = capsys.readouterr().err
    assert "https://github.com/FisherYuuri/GasSeg" in error
    assert error.count("\n") == 1


def test_raw_and_prepared_are_the_same_scenes(raw):
    assert [scene.name for scene in find_scenes(raw, "simgas")] == ["1", "2_human"]


def test_it_shows_splits_and_draws_what_the_network_sees(raw, tmp_path, capsys):
    arguments = ["prepare", "--dataset=simgas", f"--data-dir={tmp_path / 'data'}", f"--manual-dir={raw}", "--show"]
    config = tmp_path / "wide.py"
    config.write_text(
        "from jvlgs_jax.experiment import default_config\n"
        "def get_config():\n"
        "    config = default_config()\n"
        "    config.data.input_size = (32, 64)\n"
        "    return config\n"
    )
    assert main([*arguments, f"--preview={tmp_path / 'clips.png'}", f"--config={config}"]) == 0
    printed = capsys.readouterr().out
    assert "split  train on" in printed  # one group: there is no other split
    assert "clips.png: 6 clips" in printed
    sheet = cv2.imread(str(tmp_path / "clips.png"))
    assert sheet.shape[1] == 3 * (64 + 4)  # a column a frame


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--skipbad", r"unknown argument '--skipbad': did you mean --skip-bad\?"),
        ("--threshold=20", "unknown argument '--threshold=20': the options are --dataset, --manual-dir, "),
        ("--config.data.input_size=(32,64)", "give --preview=PNG and --config=FILE"),
    ],
)
def test_an_argument_that_nothing_would_read_is_refused_before_anything_is_built(
    raw, tmp_path, capsys, argument, message
):
    data = tmp_path / "data"
    assert main(["prepare", "--dataset=simgas", f"--data-dir={data}", f"--manual-dir={raw}", argument]) == 2
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert error.count("\n") == 1
    assert not data.exists()
