import dataclasses
import json

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from cli.stand_in import QUICK, Brightness, black_images, events, gas, predict, replace_network, white_square
from jvlgs_jax.cli import model_choice
from jvlgs_jax.data.sampling import Direction
from jvlgs_jax.inference import provenance, segmenter
from jvlgs_jax.inference.postprocess import describe_rule, mask_rule


@pytest.fixture(autouse=True)
def network(monkeypatch):
    replace_network(monkeypatch)


def test_a_video_gives_masks_overlay_table_events_and_report(tmp_path, capsys):
    output = tmp_path / "out"
    assert predict(white_square(tmp_path / "clip.mp4"), output) == 0
    assert gas(output) == ["1"] * 3
    assert events(output)["model"] == {"name": "model", "bundle": "bundle"}
    assert "Some gas, but no alarm" in (output / "report.html").read_text()
    assert (output / "overlay.mp4").stat().st_size > 0
    mask = cv2.imread(str(output / "masks" / "000002.png"), cv2.IMREAD_UNCHANGED)
    assert mask[20, 20] == 255
    assert mask[40, 60] == 0
    captured = capsys.readouterr()
    assert captured.out == f"{output}: 3 frames, 3 with gas, 0 alarms\n"
    assert "3/3" in captured.err  # the progress bar


def test_the_table_is_also_written_as_parquet_if_asked(tmp_path):
    clip, output = white_square(tmp_path / "clip.mp4"), tmp_path / "out"
    assert predict(clip, output, "--parquet") == 0
    assert pq.read_table(output / "frames.parquet")["frame"].to_pylist() == [0, 1, 2]
    white_square(clip, number=4)
    assert predict(clip, output) == 0
    assert not (output / "frames.parquet").exists()  # it would be of the shorter clip


def test_the_published_rule_can_be_chosen(tmp_path):
    """Its min-max stretches a dim spot to a leak, where the default says that 0.26 is none."""
    black_images(tmp_path / "frames")
    spot = np.zeros((48, 64), np.uint8)
    spot[10:30, 10:30] = 50
    cv2.imwrite(str(tmp_path / "frames" / "2.png"), spot)
    for rule, expected in {"confidence_gate": ["0", "0", "0"], "minmax_opening": ["0", "0", "1"]}.items():
        assert predict(tmp_path / "frames", tmp_path / rule, "--rule", rule) == 0
        assert gas(tmp_path / rule) == expected


@pytest.mark.parametrize(
    ("path", "output", "words"),
    [
        ("missing.mp4", "out", "missing.mp4: no such file or folder"),
        ("notes.txt", "out", "notes.txt, line 1"),
        ("empty", "out", "empty: no video in this folder"),
        ("frames", "frames", "would replace the input"),
        ("site", "site", "would replace the input"),
        ("clip.mp4", "notes.txt", "notes.txt: cannot write here"),
        ("clip.mp4", "truth", "holds masks that no prediction wrote"),
    ],
)
def test_bad_input_is_told_in_one_line_and_changes_nothing(tmp_path, capsys, path, output, words):
    white_square(tmp_path / "clip.mp4")
    white_square(tmp_path / "site" / "a.mp4")
    black_images(tmp_path / "frames")
    black_images(tmp_path / "truth" / "masks")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no video")
    before = {found: found.is_file() and found.read_bytes() for found in tmp_path.rglob("*")}
    assert predict(tmp_path / path, tmp_path / output) == 2
    error = capsys.readouterr().err
    assert error.startswith("jvlgs: error: ")
    assert words in error
    assert error.count("\n") == 1
    assert {found: found.is_file() and found.read_bytes() for found in tmp_path.rglob("*")} == before


def test_a_video_damaged_in_the_middle_leaves_its_earlier_results(tmp_path, capsys):
    output = tmp_path / "out"
    images = black_images(tmp_path / "frames", 20)
    assert predict(images, output) == 0
    (images / "18.png").write_bytes(b"cut")
    assert predict(images, output) == 2
    assert "18.png: not a readable image" in capsys.readouterr().err
    assert len(gas(output)) == len(list((output / "masks").iterdir())) == 20


def test_the_report_says_what_false_alarms_the_gate_was_calibrated_for(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    said = {"kind": "leak_free", "alarm": None, "bound_per_hour": 0.9, "confidence": 0.95, "hours": 3.3, "alarms": 0}
    said["rule"] = describe_rule(mask_rule("confidence_gate"))
    (tmp_path / "model" / "calibration.json").write_text(json.dumps(said))
    clip = white_square(tmp_path / "clip.mp4")
    assert predict(clip, tmp_path / "out") == 0
    promise = events(tmp_path / "out")["calibration"]
    assert promise["false_alarms"].startswith("at most 0.9 an hour at 95% confidence")
    assert promise["false_alarms"] in (tmp_path / "out" / "report.html").read_text()
    for other in (QUICK, ("--rule", "confidence_gate:low=0.2"), ("--prompts=fog",), ("--camera=shift=1",)):
        assert predict(clip, tmp_path / "out", *other) == 0
        assert "calibration" not in events(tmp_path / "out")
    (tmp_path / "model" / "calibration.json").write_text(json.dumps(said | {"rule": said["rule"] | {"high": 0.6}}))
    assert predict(clip, tmp_path / "out") == 0
    assert "calibration" not in events(tmp_path / "out")  # the promise is for another gate than the model's own
    (tmp_path / "model" / "calibration.json").write_text("{")
    assert predict(clip, tmp_path / "out") == 2
    assert "calibration.json: damaged" in capsys.readouterr().err


def test_a_mode_turns_the_models_windows(tmp_path, monkeypatch):
    @dataclasses.dataclass
    class Bundle:
        direction: Direction = Direction.LOOK_AHEAD

    used = []

    class Network(Brightness):
        def __init__(self, bundle, clip_length):
            used.append(bundle.direction)

    monkeypatch.setattr(model_choice, "choose_model", lambda args: (Bundle(), mask_rule("confidence_gate")))
    monkeypatch.setattr(provenance, "describe_model", lambda name, bundle: {})
    monkeypatch.setattr(segmenter, "Segmenter", Network)
    white_square(tmp_path / "clip.mp4")
    for more in ((), ("--mode=past-only",), ("--mode=look-ahead",)):
        assert predict(tmp_path / "clip.mp4", tmp_path / "out", *more) == 0
    assert used == [Direction.LOOK_AHEAD, Direction.PAST_ONLY, Direction.LOOK_AHEAD]


@pytest.mark.parametrize(
    ("planes", "number", "warned"), [("temporal", 1, True), ("temporal", 2, False), ("rgb", 1, False)]
)
def test_a_model_that_sees_changes_says_that_one_image_shows_it_none(
    tmp_path, monkeypatch, capsys, planes, number, warned
):
    @dataclasses.dataclass
    class Bundle:
        planes: str

    class Network(Brightness):
        def __init__(self, bundle, clip_length):
            assert bundle.planes == planes

    monkeypatch.setattr(model_choice, "choose_model", lambda args: (Bundle(planes), mask_rule("confidence_gate")))
    monkeypatch.setattr(provenance, "describe_model", lambda name, bundle: {})
    monkeypatch.setattr(segmenter, "Segmenter", Network)
    assert predict(black_images(tmp_path / "frames", number), tmp_path / "out") == 0
    assert ("frames: one image alone shows this model nothing" in capsys.readouterr().err) is warned


def test_an_unknown_rule_is_refused_with_the_choices(tmp_path, capsys):
    assert predict(tmp_path, tmp_path / "out", "--rule", "otsu") == 2
    assert "unknown rule 'otsu': the choices are confidence_gate, minmax_opening" in capsys.readouterr().err


@pytest.mark.parametrize(("more", "code"), [((), 0), (("--exit-code",), 1), (("--exit-code", "--alarm", "on=1.0"), 0)])
def test_the_exit_code_tells_of_alarms_if_asked(tmp_path, more, code):
    arguments = more if "--alarm" in more else (*QUICK, *more)
    assert predict(white_square(tmp_path / "clip.mp4"), tmp_path / "out", *arguments) == code


def test_gas_out_of_the_regions_is_not_looked_for(tmp_path, capsys):
    regions = tmp_path / "regions.json"
    regions.write_text('{"exclude": [[[0, 0], [45, 0], [45, 47], [0, 47]]]}')
    assert predict(white_square(tmp_path / "clip.mp4"), tmp_path / "out", "--regions", str(regions)) == 0
    assert gas(tmp_path / "out") == ["0"] * 3
    assert events(tmp_path / "out")["regions"] == {"file": str(regions), "watched_share": 0.28125}
    assert "Nothing found" in (tmp_path / "out" / "report.html").read_text()


def test_a_camera_that_moves_is_told(tmp_path, capsys):
    """The square jumps by 8 of 64 pixels, and with it all there is to see."""
    black_images(tmp_path / "frames", 6)
    for index in range(6):
        image = np.random.default_rng(0).integers(0, 60, (48, 64), np.uint8)
        image[10:34, 10:40] = 255
        cv2.imwrite(str(tmp_path / "frames" / f"{index}.png"), np.roll(image, 8 * (index >= 4), axis=1))
    arguments = ("--jsonl", "--camera", "settle_s=0", *QUICK)
    assert predict(tmp_path / "frames", tmp_path / "out", *arguments) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == [
        "alarm_raised",
        "alarm_ended",
        "camera_moved",
        "camera_settled",
        "video_done",
    ]
    assert lines[1]["ended_by"] == "camera moved"
    assert (lines[3]["start_frame"], lines[3]["end_frame"]) == (4, 5)
    assert [event["type"] for event in events(tmp_path / "out")["events"]] == ["alarm", "camera_motion"]
    assert "the camera moved" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--regions", "nowhere.json"), "nowhere.json: no such file"),
        (("--regions", "out.json"), "out.json: include: polygon 1: corner [99, 0] lies out of the picture of 64x48"),
        (("--alarm", "on=7"), "alarm: on is 7.0, it must lie between 0 and 1"),
        (("--camera", "shift=0"), "camera: shift is 0.0, it must be above 0"),
        (("--camera", "shake=1"), "camera: unknown setting 'shake'"),
    ],
)
def test_bad_settings_are_told_before_anything_is_made(tmp_path, capsys, monkeypatch, more, words):
    white_square(tmp_path / "clip.mp4")
    (tmp_path / "out.json").write_text('{"include": [[[0, 0], [99, 0], [9, 9]]]}')
    monkeypatch.chdir(tmp_path)
    assert predict("clip.mp4", "results", *more) == 2
    error = capsys.readouterr().err
    assert error.startswith("jvlgs: error: ")
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "results").exists()
