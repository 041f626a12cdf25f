import json

import av
import cv2
import numpy as np
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


@pytest.mark.slow
def test_scenes_and_captions_are_written(tmp_path, small_family, monkeypatch):
    monkeypatch.setattr(presets, "preset", lambda name: small_family)
    assert main(["simulate", "--clips", "1", "--frames", "7", "--output", str(tmp_path)]) == 0
    assert len(list((tmp_path / "simgas_like_000000" / "images").iterdir())) == 7
    line = json.loads((tmp_path / "captions.jsonl").read_text())
    assert line["scene"] == "simgas_like_000000"


def test_no_place_to_write_costs_one_line(capsys):
    assert main(["simulate"]) == 2
    assert "--gallery FOLDER" in capsys.readouterr().err


@pytest.mark.slow
def test_a_gallery_has_a_folder_of_its_own_where_none_is_named(tmp_path, small_family, small_clips, monkeypatch):
    monkeypatch.setattr(presets, "preset", lambda name: small_family)
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", "--gallery", "--clips", "1", "--frames", "7"]) == 0
    assert (tmp_path / "gallery" / "simulation_simgas_like.png").is_file()


@pytest.mark.slow
def test_a_gallery_shows_frame_difference_and_truth(tmp_path, small_family, small_clips, monkeypatch):
    monkeypatch.setattr(presets, "preset", lambda name: small_family)
    assert main(["simulate", "--clips", "5", "--frames", "7", "--gallery", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "simulation_simgas_like.mp4",
        "simulation_simgas_like.png",
    ]
    sheet = cv2.imread(str(tmp_path / "simulation_simgas_like.png"), cv2.IMREAD_GRAYSCALE)
    assert sheet.shape == (4 * 48, 2 * 3 * 48)  # five clips of 96 x 96 at half size: four in the first column
    shown = cv2.resize(small_clips.frames[1, 4], (48, 48), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(sheet[48:96, :48].astype(float), shown, atol=1)
    gas = small_clips.mask[:4, 4] == 1
    assert gas.any()
    assert (sheet[:192, 96:144] > 200).mean() == pytest.approx(gas.mean(), abs=0.05)
    assert not sheet[48:, 144:].any()
    with av.open(tmp_path / "simulation_simgas_like.mp4") as video:
        filmed = [frame.to_ndarray(format="gray") for frame in video.decode(video=0)]
    assert len(filmed) == 7
    assert filmed[4].shape == sheet.shape
    assert np.abs(filmed[4].astype(float) - sheet).mean() < 8
