import json

import pytest

from jvlgs_jax.cli.main import main


def test_an_unknown_preset_costs_one_line(tmp_path, capsys):
    assert main(["simulate", "--preset", "simgaz_like", "--output", str(tmp_path / "out")]) == 2
    assert "did you mean 'simgas_like'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--clips", "0"], ["--frames", "0"]])
def test_nothing_to_make_is_refused(arguments, tmp_path, capsys):
    assert main(["simulate", *arguments, "--output", str(tmp_path / "out")]) == 2
    assert "at least 1" in capsys.readouterr().err


@pytest.mark.slow
def test_scenes_and_captions_are_written(tmp_path):
    assert main(["simulate", "--clips", "1", "--frames", "2", "--output", str(tmp_path)]) == 0
    assert len(list((tmp_path / "simgas_like_000000" / "images").iterdir())) == 2
    line = json.loads((tmp_path / "captions.jsonl").read_text())
    assert line["scene"] == "simgas_like_000000"
