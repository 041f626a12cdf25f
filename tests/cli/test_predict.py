import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from jvlgs_jax.cli import model_choice
from jvlgs_jax.cli import predict as cli_predict
from jvlgs_jax.cli.main import main
from jvlgs_jax.data.live import open_live
from jvlgs_jax.data.sampling import Direction
from jvlgs_jax.inference import provenance, segmenter, streaming
from jvlgs_jax.inference.postprocess import mask_rule
from jvlgs_jax.inference.segmenter import Segmenter
from jvlgs_jax.inference.video_writer import video_writer


class _Network(Segmenter):
    """The brighter, the likelier gas: from 0.1 for black to 0.9 for white."""

    def __init__(self, bundle, clip_length):
        assert (bundle, clip_length) == ("bundle", 8)

    def probabilities(self, frames, *, memory, **more):
        for frame in frames:
            memory.answered += 1
            yield np.float32(0.1) + frame[..., 0] * np.float32(0.8 / 255)


@pytest.fixture(autouse=True)
def network(monkeypatch):
    """Replaces the network, which other tests run, so that these show what the command does around it."""
    monkeypatch.setattr(
        model_choice, "choose_model", lambda args: ("bundle", mask_rule(args.rule or "confidence_gate"))
    )
    monkeypatch.setattr(segmenter, "Segmenter", _Network)
    monkeypatch.setattr(provenance, "describe_model", lambda name, bundle: {"name": name, "bundle": bundle})


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


def _gas(output):
    """Which frames have something in their masks."""
    with (output / "frames.csv").open(newline="") as file:
        return [str(int(int(row["area_px"]) > 0)) for row in csv.DictReader(file)]


def _events(output):
    return json.loads((output / "events.json").read_text())


def test_a_video_gives_masks_overlay_table_events_and_report(tmp_path, capsys):
    output = tmp_path / "out"
    assert _predict(_video(tmp_path / "clip.mp4"), output) == 0
    assert _gas(output) == ["1"] * 3
    assert _events(output)["model"] == {"name": "model", "bundle": "bundle"}
    assert "Some gas, but no alarm" in (output / "report.html").read_text()
    assert (output / "overlay.mp4").stat().st_size > 0
    mask = cv2.imread(str(output / "masks" / "000002.png"), cv2.IMREAD_UNCHANGED)
    assert mask[20, 20] == 255
    assert mask[40, 60] == 0
    captured = capsys.readouterr()
    assert captured.out == f"{output}: 3 frames, 3 with gas, 0 alarms\n"
    assert "3/3" in captured.err  # the progress bar


def test_the_table_is_also_written_as_parquet_if_asked(tmp_path):
    clip, output = _video(tmp_path / "clip.mp4"), tmp_path / "out"
    assert _predict(clip, output, "--parquet") == 0
    assert pq.read_table(output / "frames.parquet")["frame"].to_pylist() == [0, 1, 2]
    _video(clip, number=4)
    assert _predict(clip, output) == 0
    assert not (output / "frames.parquet").exists()  # it would be of the shorter clip


def test_the_published_rule_can_be_chosen(tmp_path):
    """Its min-max stretches a dim spot to a leak, where the default says that 0.26 is none."""
    _images(tmp_path / "frames")
    spot = np.zeros((48, 64), np.uint8)
    spot[10:30, 10:30] = 50
    cv2.imwrite(str(tmp_path / "frames" / "2.png"), spot)
    for rule, gas in {"confidence_gate": ["0", "0", "0"], "minmax_opening": ["0", "0", "1"]}.items():
        assert _predict(tmp_path / "frames", tmp_path / rule, "--rule", rule) == 0
        assert _gas(tmp_path / rule) == gas


def test_a_folder_of_videos_gives_a_folder_each(tmp_path, capsys):
    _video(tmp_path / "site" / "10.mp4")
    _video(tmp_path / "site" / "2.mp4", number=1)
    _images(tmp_path / "site" / "quiet")
    output = tmp_path / "out"
    assert _predict(tmp_path / "site", output) == 0
    assert sorted(path.name for path in output.iterdir()) == ["10", "2", "quiet"]
    assert [_gas(output / name) for name in ("2", "10", "quiet")] == [["1"], ["1"] * 3, ["0"] * 2]
    assert len(capsys.readouterr().out.splitlines()) == 3


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
    assert len(_gas(output)) == len(list((output / "masks").iterdir())) == 20


def test_one_bad_video_of_several_does_not_keep_the_others_from_being_segmented(tmp_path, capsys):
    _images(tmp_path / "site" / "a", 20)
    (tmp_path / "site" / "a" / "18.png").write_bytes(b"cut")
    _video(tmp_path / "site" / "b.mp4")
    output = tmp_path / "out"
    assert _predict(tmp_path / "site", output) == 2
    told = capsys.readouterr()
    assert told.out == f"{output / 'b'}: 3 frames, 3 with gas, 0 alarms\n"
    assert "18.png: not a readable image" in told.err
    assert told.err.splitlines()[-1].endswith("1 of 2 videos failed (a): the reasons are above")


def test_a_video_is_not_segmented_again_until_it_or_a_setting_changes(tmp_path, capsys):
    """Of a folder that grows, only what is new is done."""
    site, output = tmp_path / "site", tmp_path / "out"
    _video(site / "a.mp4")
    assert _predict(site, output) == 0
    first = (output / "a" / "report.html").read_bytes()
    _video(site / "b.mp4")
    capsys.readouterr()
    assert _predict(site, output) == 0
    told = capsys.readouterr()
    assert "a: holds these results already" in told.err
    assert "b: holds" not in told.err
    assert told.out.splitlines() == [f"{output / name}: 3 frames, 3 with gas, 0 alarms" for name in "ab"]
    assert (output / "a" / "report.html").read_bytes() == first

    assert _predict(site, output, "--rule", "confidence_gate:low=0.95,high=0.95") == 0
    assert "holds" not in capsys.readouterr().err
    assert _gas(output / "a") == ["0"] * 3
    _video(site / "a.mp4", number=4)
    (output / "b" / "overlay.mp4").unlink()
    assert _predict(site, output, "--rule", "confidence_gate:low=0.95,high=0.95") == 0
    assert "holds" not in capsys.readouterr().err
    assert len(_gas(output / "a")) == 4
    assert (output / "b" / "overlay.mp4").exists()


def test_a_pattern_gives_a_folder_for_each_video_it_matches(tmp_path):
    _video(tmp_path / "north" / "cam.mp4")
    _video(tmp_path / "south" / "cam.mp4", number=2)
    output = tmp_path / "out"
    assert _predict(tmp_path / "*" / "cam.mp4", output) == 0
    assert [len(_gas(output / side / "cam.mp4")) for side in ("north", "south")] == [3, 2]


QUICK = ("--alarm", "window_s=0.2")  # 2 of 3 frames


class _Streaming(_Network):
    """The same, for a live input."""

    def __init__(self, bundle):
        super().__init__(bundle, 8)


def _capture(frames, stop):
    """What opens a camera that gives so many frames and then calls `stop`."""
    left = [1, *[1] * frames]  # the first is for the look that is taken before the start

    class Capture:
        def isOpened(self):  # noqa: N802
            return True

        def read(self):
            if not left:
                stop()
                return False, None
            left.pop()
            time.sleep(0.02)
            return True, np.full((48, 64, 3), 255, np.uint8)

        def get(self, propId):
            return 1000.0

        def release(self):
            pass

    return lambda address: Capture()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_live_input_whose_results_are_then_written(tmp_path, monkeypatch, capsys, number):
    monkeypatch.setattr(streaming, "StreamingSegmenter", _Streaming)
    opened = _capture(6, lambda: os.kill(os.getpid(), number))
    monkeypatch.setattr(cli_predict, "open_live", partial(open_live, open_capture=opened))
    before = signal.getsignal(number)
    arguments = ("--frame-rate", "100", "--exit-code", "--alarm", "window_s=0")
    assert _predict("rtsp://user:secret@host/yard", tmp_path, *arguments) == 1
    assert signal.getsignal(number) is before
    assert _gas(tmp_path) == ["1"] * 6
    assert _events(tmp_path)["video"]["path"] == "rtsp://host/yard"
    captured = capsys.readouterr()
    assert "6 frames, 6 with gas, 1 alarm" in captured.out
    assert "jvlgs: rtsp://host/yard: the stream is lost, trying again in 1 s" in captured.err
    assert "secret" not in captured.out + captured.err


def test_the_report_says_what_false_alarms_the_gate_was_calibrated_for(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    said = {"kind": "leak_free", "alarm": None, "bound_per_hour": 0.9, "confidence": 0.95, "hours": 3.3, "alarms": 0}
    (tmp_path / "model" / "calibration.json").write_text(json.dumps(said))
    clip = _video(tmp_path / "clip.mp4")
    assert _predict(clip, tmp_path / "out") == 0
    promise = _events(tmp_path / "out")["calibration"]
    assert promise["false_alarms"].startswith("at most 0.9 an hour at 95% confidence")
    assert promise["false_alarms"] in (tmp_path / "out" / "report.html").read_text()
    for other in (QUICK, ("--rule", "confidence_gate:low=0.2")):
        assert _predict(clip, tmp_path / "out", *other) == 0
        assert "calibration" not in _events(tmp_path / "out")
    (tmp_path / "model" / "calibration.json").write_text("{")
    assert _predict(clip, tmp_path / "out") == 2
    assert "calibration.json: damaged" in capsys.readouterr().err


def test_options_of_a_live_input_are_for_no_other(tmp_path, capsys):
    for option in ("--frame-rate", "--duration"):
        assert _predict(_video(tmp_path / "clip.mp4"), tmp_path / "out", option, "5") == 2
        assert f"{option}: {tmp_path / 'clip.mp4'} is no live input" in capsys.readouterr().err


def test_a_mode_turns_the_models_windows(tmp_path, monkeypatch):
    @dataclasses.dataclass
    class Bundle:
        direction: Direction = Direction.LOOK_AHEAD

    used = []

    class Network(_Network):
        def __init__(self, bundle, clip_length):
            used.append(bundle.direction)

    monkeypatch.setattr(model_choice, "choose_model", lambda args: (Bundle(), mask_rule("confidence_gate")))
    monkeypatch.setattr(provenance, "describe_model", lambda name, bundle: {})
    monkeypatch.setattr(segmenter, "Segmenter", Network)
    _video(tmp_path / "clip.mp4")
    for more in ((), ("--mode=past-only",), ("--mode=look-ahead",)):
        assert _predict(tmp_path / "clip.mp4", tmp_path / "out", *more) == 0
    assert used == [Direction.LOOK_AHEAD, Direction.PAST_ONLY, Direction.LOOK_AHEAD]


def test_an_unknown_rule_is_refused_with_the_choices(tmp_path, capsys):
    assert _predict(tmp_path, tmp_path / "out", "--rule", "otsu") == 2
    assert "unknown rule 'otsu': the choices are confidence_gate, minmax_opening" in capsys.readouterr().err


def test_events_are_told_as_lines_of_json_and_the_rest_elsewhere(tmp_path, capsys):
    _video(tmp_path / "site" / "leak.mp4", number=5)
    _images(tmp_path / "site" / "quiet")
    assert _predict(tmp_path / "site", tmp_path / "out", "--jsonl", *QUICK) == 0
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    assert [(line["video"], line["event"]) for line in lines] == [
        ("leak", "alarm_raised"),
        ("leak", "alarm_ended"),
        ("leak", "video_done"),
        ("quiet", "video_done"),
    ]
    raised, ended, done, quiet = lines
    assert (raised["number"], raised["start_frame"], raised["raised_frame"], raised["ended_by"]) == (1, 0, 1, None)
    assert (ended["end_frame"], ended["ended_by"]) == (4, "video ended")
    assert (done["alarms"], done["frames"], quiet["alarms"]) == (1, 5, 0)
    assert "5 frames, 5 with gas, 1 alarm\n" in captured.err
    assert {"type": "alarm", "video": "leak", **_events(tmp_path / "out" / "leak")["events"][0]} == {
        **{name: value for name, value in ended.items() if name != "event"},
        "type": "alarm",
    }


@pytest.mark.parametrize(("more", "code"), [((), 0), (("--exit-code",), 1), (("--exit-code", "--alarm", "on=1.0"), 0)])
def test_the_exit_code_tells_of_alarms_if_asked(tmp_path, more, code):
    arguments = more if "--alarm" in more else (*QUICK, *more)
    assert _predict(_video(tmp_path / "clip.mp4"), tmp_path / "out", *arguments) == code


def test_gas_out_of_the_regions_is_not_looked_for(tmp_path, capsys):
    regions = tmp_path / "regions.json"
    regions.write_text('{"exclude": [[[0, 0], [45, 0], [45, 47], [0, 47]]]}')
    assert _predict(_video(tmp_path / "clip.mp4"), tmp_path / "out", "--regions", str(regions)) == 0
    assert _gas(tmp_path / "out") == ["0"] * 3
    assert _events(tmp_path / "out")["regions"] == {"file": str(regions), "watched_share": 0.28125}
    assert "Nothing found" in (tmp_path / "out" / "report.html").read_text()


def test_a_camera_that_moves_is_told(tmp_path, capsys):
    """The square jumps by 8 of 64 pixels, and with it all there is to see."""
    _images(tmp_path / "frames", 6)
    for index in range(6):
        image = np.random.default_rng(0).integers(0, 60, (48, 64), np.uint8)
        image[10:34, 10:40] = 255
        cv2.imwrite(str(tmp_path / "frames" / f"{index}.png"), np.roll(image, 8 * (index >= 4), axis=1))
    arguments = ("--jsonl", "--camera", "settle_s=0", *QUICK)
    assert _predict(tmp_path / "frames", tmp_path / "out", *arguments) == 0
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
    assert [event["type"] for event in _events(tmp_path / "out")["events"]] == ["alarm", "camera_motion"]
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
    _video(tmp_path / "clip.mp4")
    (tmp_path / "out.json").write_text('{"include": [[[0, 0], [99, 0], [9, 9]]]}')
    monkeypatch.chdir(tmp_path)
    assert _predict("clip.mp4", "results", *more) == 2
    error = capsys.readouterr().err
    assert error.startswith("jvlgs: error: ")
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_a_reader_that_has_gone_ends_the_run_in_one_line(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    script = (
        "from jvlgs_jax.cli import json_lines as lines, main as frame;"
        "frame._run_verb = lambda arguments: lines.print_json_line({}); raise SystemExit(frame.main([]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(writing)
    assert done.returncode == 2
    assert done.stderr == "jvlgs: error: stdout: the program that reads it has ended: start both again\n"
