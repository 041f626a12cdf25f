import json

import pytest

from jvlgs_jax.cli.main import main
from jvlgs_jax.simulation import presets


def test_an_unknown_preset_costs_one_line(tmp_path, capsys):
    assert main(["simulate", "--preset", "simgaz_like", "--output", str(tmp_path / "out")]) == 2
    assert "did you mean 'simgas_like'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--clips", "0"], ["--frames", "0"]])
def test_nothing_to_make_is_refused(arguments, tmp_path, capsys):
    assert main(["simulate", *arguments, "--output", str(tmp_path / "out")]) == 2
    assert "at least 1" in capsys.readouterr().err


def test_scenes_and_captions_are_written(tmp_path, small_family, monkeypatch):
    monkeypatch.setattr(presets, "preset", lambda name: small_family)
    assert main(["simulate", "--clips", "1", "--frames", "7", "--output", str(tmp_path)]) == 0
    assert len(list((tmp_path / "simgas_like_000000" / "images").iterdir())) == 7
    line = json.loads((tmp_path / "captions.jsonl").read_text())
    assert line["scene"] == "simgas_like_000000"
