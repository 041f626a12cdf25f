import csv

import cv2
import numpy as np
import pytest

from jvlgs_jax.cli import model_choice
from jvlgs_jax.cli.main import main
from jvlgs_jax.inference import segmenter
from jvlgs_jax.inference.postprocess import mask_rule
from jvlgs_jax.inference.segmenter import Segmenter
from jvlgs_jax.inference.video_writer import video_writer


class _Network(Segmenter):
    """The brighter, the likelier gas: from 0.1 for black to 0.9 for white."""

    def __init__(self, bundle, clip_length):
        assert (bundle, clip_length) == ("bundle", 8)

    def probabilities(self, frames):
        for frame in frames:
            yield np.float32(0.1) + frame[..., 0] * np.float32(0.8 / 255)


@pytest.fixture(autouse=True)
def network(monkeypatch):
    """Replaces the network, which other tests run, so that these show what the command does around it."""
    monkeypatch.setattr(
        model_choice, "choose_model", lambda args: ("bundle", mask_rule(args.rule or "confidence_gate"))
    )
    monkeypatch.setattr(segmenter, "Segmenter", _Network)


def _video(path, number=3):
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[8:32, 8:40] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    with video_writer(path, 15.0) as write:
        for _ in range(number):
            write(frame)
    return path


def _images(folder, number=2):
    folder.mkdir(parents=True)
    for index in range(number):
        cv2.imwrite(str(folder / f"{index}.png"), np.zeros((48, 64), np.uint8))
    return folder


def _predict(path, output, *more):
    return main(["predict", str(path), "--checkpoint", "model", "--output", str(output), *more])


def _alarms(output):
    with (output / "frames.csv").open(newline="") as file:
        return [row["alarm"] for row in csv.DictReader(file)]


def test_a_video_gives_masks_overlay_and_table(tmp_path, capsys):
    output = tmp_path / "out"
    assert _predict(_video(tmp_path / "clip.mp4"), output) == 0
    assert _alarms(output) == ["1"] * 3
    assert (output / "overlay.mp4").stat().st_size > 0
    mask = cv2.imread(str(output / "masks" / "000002.png"), cv2.IMREAD_UNCHANGED)
    assert mask[20, 20] == 255
    assert mask[40, 60] == 0
    captured = capsys.readouterr()
    assert captured.out == f"{output}: 3 frames, 3 with an alarm\n"
    assert "3/3" in captured.err  # the progress bar


def test_the_published_rule_can_be_chosen(tmp_path):
    """Its min-max stretches a dim spot to a leak, where the default says that 0.26 is none."""
    _images(tmp_path / "frames")
    spot = np.zeros((48, 64), np.uint8)
    spot[10:30, 10:30] = 50
    cv2.imwrite(str(tmp_path / "frames" / "2.png"), spot)
    for rule, alarms in {"confidence_gate": ["0", "0", "0"], "minmax_opening": ["0", "0", "1"]}.items():
        assert _predict(tmp_path / "frames", tmp_path / rule, "--rule", rule) == 0
        assert _alarms(tmp_path / rule) == alarms


def test_a_folder_of_videos_gives_a_folder_each(tmp_path, capsys):
    _video(tmp_path / "site" / "10.mp4")
    _video(tmp_path / "site" / "2.mp4", number=1)
    _images(tmp_path / "site" / "quiet")
    output = tmp_path / "out"
    assert _predict(tmp_path / "site", output) == 0
    assert sorted(path.name for path in output.iterdir()) == ["10", "2", "quiet"]
    assert [_alarms(output / name) for name in ("2", "10", "quiet")] == [["1"], ["1"] * 3, ["0"] * 2]
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize(
    ("path", "output", "words"),
    [
        ("missing.mp4", "out", "missing.mp4: no such file or folder"),
        ("notes.txt", "out", "notes.txt: not a readable video"),
        ("empty", "out", "empty: no video in this folder"),
        ("frames", "frames", "would replace the input"),
        ("site", "site", "would replace the input"),
        ("clip.mp4", "notes.txt", "notes.txt: cannot write here"),
        ("clip.mp4", "truth", "holds masks that no prediction wrote"),
    ],
)
def test_bad_input_is_told_in_one_line_and_changes_nothing(tmp_path, capsys, path, output, words):
    _video(tmp_path / "clip.mp4")
    _video(tmp_path / "site" / "a.mp4")
    _images(tmp_path / "frames")
    _images(tmp_path / "truth" / "masks")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no video")
    before = {found: found.is_file() and found.read_bytes() for found in tmp_path.rglob("*")}
    assert _predict(tmp_path / path, tmp_path / output) == 2
    error = capsys.readouterr().err
    assert error.startswith("jvlgs: error: ")
    assert words in error
    assert error.count("\n") == 1
    assert {found: found.is_file() and found.read_bytes() for found in tmp_path.rglob("*")} == before


def test_a_video_damaged_in_the_middle_leaves_its_earlier_results(tmp_path, capsys):
    output = tmp_path / "out"
    images = _images(tmp_path / "frames", 20)
    assert _predict(images, output) == 0
    (images / "18.png").write_bytes(b"cut")
    assert _predict(images, output) == 2
    assert "18.png: not a readable image" in capsys.readouterr().err
    assert len(_alarms(output)) == len(list((output / "masks").iterdir())) == 20


def test_an_unknown_rule_is_refused_with_the_choices(tmp_path, capsys):
    assert _predict(tmp_path, tmp_path / "out", "--rule", "otsu") == 2
    assert "unknown rule 'otsu': the choices are confidence_gate, minmax_opening" in capsys.readouterr().err
