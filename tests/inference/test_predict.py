import csv
import dataclasses
import gc
import hashlib
import json
import re
import signal
import subprocess
import sys
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from jvlgs_jax.data.live import LiveVideo, open_capture
from jvlgs_jax.data.sampling import Direction
from jvlgs_jax.data.video import open_video
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference import predict as predict_module
from jvlgs_jax.inference.alarms import AlarmConfig
from jvlgs_jax.inference.postprocess import mask_rule
from jvlgs_jax.inference.predict import predict
from jvlgs_jax.inference.provenance import describe_model
from jvlgs_jax.inference.segmenter import Segmenter
from jvlgs_jax.inference.video_writer import video_writer
from jvlgs_jax.inference.watching import WatchConfig
from jvlgs_jax.interop.fingerprint import fingerprint


@pytest.fixture(scope="module")
def segmenter(bundle):
    return Segmenter(bundle, clip_length=5)


def _watch(rule, **alarm):
    return WatchConfig(rule=mask_rule(rule), alarm=AlarmConfig(**alarm))


def _video(path, number, size=(48, 64), *, colored=False):
    rng = np.random.default_rng(0)
    with video_writer(path, 15.0) as write:
        for index in range(number):
            grey = np.clip(rng.normal(100, 5, size), 0, 255).astype(np.uint8)
            grey[10:20, 10 + index : 20 + index] += 40
            write(np.stack([grey, grey // 2, 255 - grey] if colored else [grey] * 3, axis=-1))
    return path


def _images(folder, number, size):
    folder.mkdir()
    for index in range(number):
        image = np.random.default_rng(index).integers(0, 256, size, np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), image)
    return folder


def _read(output):
    with av.open(str(output / "overlay.mp4")) as container:
        stream = container.streams.video[0]
        overlay = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(stream)])
        rate = stream.average_rate
    with (output / "frames.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = sorted(path.name for path in (output / "masks").iterdir())
    masks = np.stack([cv2.imread(str(output / "masks" / name), cv2.IMREAD_UNCHANGED) for name in names])
    return names, masks, overlay, rate, rows


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["confidence_gate", "minmax_opening"])
@pytest.mark.parametrize("colored", [False, True])
def test_masks_table_and_overlay_tell_the_same_story(tmp_path, segmenter, rule, colored):
    video = open_video(_video(tmp_path / "clip.mp4", 7, colored=colored))
    output = tmp_path / "out"
    output.mkdir()
    summary = predict(video, segmenter, _watch(rule), output)

    names, masks, overlay, rate, rows = _read(output)
    probabilities = np.stack(list(segmenter.probabilities(video)))
    stream = mask_rule(rule).stream()
    expected = np.stack([stream.push(probability) for probability in probabilities])
    assert names == [f"{index:06d}.png" for index in range(7)]
    np.testing.assert_array_equal(masks, 255 * expected)
    assert len(overlay) == 7
    assert rate == 15
    assert overlay.shape[1] > 48
    assert overlay.shape[2:] == (64, 3)
    assert [int(row["frame"]) for row in rows] == list(range(7))
    assert [float(row["time_s"]) for row in rows] == pytest.approx(np.arange(7) / 15, abs=1e-6)
    assert [float(row["max_probability"]) for row in rows] == pytest.approx(probabilities.max((1, 2)), abs=1e-6)
    assert [int(row["area_px"]) for row in rows] == list(expected.sum((1, 2)))
    assert summary.frames == 7
    assert summary.frames_with_gas == np.count_nonzero(expected.any((1, 2)))
    found = ["events.json", "frames.csv", "masks", "overlay.mp4", "report.html"]
    assert sorted(path.name for path in output.iterdir()) == found


def test_a_model_is_known_by_its_hash(bundle):
    said = describe_model("tiny", bundle)
    assert (said["name"], said["sha256"], said["planes"]) == ("tiny", fingerprint(bundle), "rgb")
    assert said["prompts"] == list(bundle.prompts)
    assert said["window"] == "look_ahead, step 1"
    json.dumps(said)


@pytest.mark.parametrize(("number", "size"), [(1, (48, 64)), (2, (33, 47))])
def test_short_videos_of_odd_size_are_answered_whole(tmp_path, segmenter, number, size):
    video = open_video(_images(tmp_path / "frames", number, size))
    predict(video, segmenter, _watch("minmax_opening"), tmp_path)
    _, masks, overlay, _, rows = _read(tmp_path)
    assert masks.shape == (number, *size)
    assert len(overlay) == len(rows) == number


def test_16_bits_are_segmented_by_their_fractions_and_shown_as_grey(tmp_path):
    raw = np.random.default_rng(0).integers(9000, 9400, (4, 48, 64), dtype=np.uint16)
    (tmp_path / "frames").mkdir()
    for index, frame in enumerate(raw):
        cv2.imwrite(str(tmp_path / "frames" / f"{index}.tiff"), frame)
    seen = []

    class Watching(_Network):
        def probabilities(self, frames, **more):
            for frame in frames:
                seen.append(frame[..., 0])
                yield np.zeros(frame.shape[:2], np.float32)

    predict(open_video(tmp_path / "frames"), Watching(), _watch("confidence_gate"), tmp_path)
    slope, offset = np.polyfit(raw.ravel(), np.stack(seen).ravel(), 1)
    np.testing.assert_allclose(seen, slope * raw + offset, atol=1e-3)  # no rounding to whole levels
    shown = _read(tmp_path)[2][:, :48].mean(axis=(1, 2, 3))
    np.testing.assert_allclose(shown, np.mean(seen, axis=(1, 2)), atol=3)


def test_a_new_run_replaces_all_of_the_earlier_one(tmp_path, segmenter):
    for number in (5, 3):
        video = open_video(_video(tmp_path / f"{number}.mp4", number))
        predict(video, segmenter, _watch("confidence_gate"), tmp_path)
    names, _, overlay, _, rows = _read(tmp_path)
    assert len(names) == len(overlay) == len(rows) == 3


def test_alarms_are_in_the_table_the_events_and_the_report(tmp_path):
    """Gas in frames 3 to 8 of 12, in the left half; looked for in the upper half."""

    class Left(_Network):
        def probabilities(self, frames, **more):
            for index, frame in enumerate(frames):
                probability = np.zeros(frame.shape[:2], np.float32)
                probability[:, :32] = 0.9 if 3 <= index < 9 else 0.1
                yield probability

    watched = np.zeros((48, 64), bool)
    watched[:24] = True
    told = []
    clip = _video(tmp_path / "clip.mp4", 12)
    summary = predict(
        open_video(clip),
        Left(),
        _watch("confidence_gate:kernel=1", window_s=0.2, persistence=1.0),
        tmp_path,
        watched=watched,
        origin={"model": {"name": "left"}},
        tell=told.append,
    )
    rows = _read(tmp_path)[-1]
    assert [row["alarm"] for row in rows] == ["0"] * 5 + ["1"] * 4 + ["0"] * 3
    assert [int(row["area_px"]) for row in rows] == [0] * 3 + [24 * 32] * 6 + [0] * 3
    assert (summary.alarms, summary.frames_in_alarm, summary.frames_with_gas, summary.frames) == (1, 4, 6, 12)
    assert [str(event.news) for event in told] == ["alarm_raised", "alarm_ended"]
    events = json.loads((tmp_path / "events.json").read_text())
    (alarm,) = events["events"]
    assert (alarm["type"], alarm["start_frame"], alarm["raised_frame"], alarm["end_frame"]) == ("alarm", 3, 5, 8)
    assert alarm["peak_box"] == {"x": 0, "y": 0, "width": 32, "height": 24}
    assert events["summary"] == vars(summary)
    assert events["alarm"]["window_s"] == 0.2
    assert events["model"] == {"name": "left"}
    assert events["video"]["sha256"] == hashlib.sha256(clip.read_bytes()).hexdigest()
    report = (tmp_path / "report.html").read_text()
    assert "1 alarm" in report
    assert events["video"]["sha256"] in report


class _Network(Segmenter):
    """Sees gas everywhere, and ends the process or the run at a frame."""

    def __init__(self, end=None, at=None):
        self._end, self._at = end, at

    def probabilities(self, frames, *, memory, **more):
        for index, frame in enumerate(frames):
            if index == self._at:
                self._end()
            memory.answered += 1
            yield np.full(frame.shape[:2], 0.9, np.float32)


def _interrupt():
    raise KeyboardInterrupt


def _files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def earlier(tmp_path):
    """A folder with the results of an earlier run."""
    output = tmp_path / "out"
    output.mkdir()
    predict(open_video(_video(tmp_path / "clip.mp4", 6)), _Network(), _watch("confidence_gate"), output)
    assert len(_files(output)) == 6 + 4
    return output


def test_a_run_interrupted_before_anything_was_saved_leaves_the_earlier_one_and_nothing_else(earlier):
    before = _files(earlier)
    video = open_video(earlier.parent / "clip.mp4")
    with pytest.raises(KeyboardInterrupt):
        predict(video, _Network(_interrupt, at=4), _watch("minmax_opening"), earlier)
    assert _files(earlier) == before


def test_a_damaged_video_leaves_the_earlier_run(earlier):
    before = _files(earlier)
    images = _images(earlier.parent / "frames", 20, (48, 64))
    (images / "18.png").write_bytes(b"cut")
    with pytest.raises(UserError, match=r"18\.png"):
        predict(open_video(images), _Network(), _watch("confidence_gate"), earlier)
    assert _files(earlier) == before


def test_a_killed_run_leaves_the_earlier_one_and_the_next_tidies_up(earlier):
    before = _files(earlier)
    script = (
        "import os, signal, sys; from pathlib import Path; from tests.inference import test_predict as t;"
        "network = t._Network(lambda: os.kill(os.getpid(), signal.SIGKILL), at=4);"
        "t.predict(t.open_video(Path(sys.argv[1])), network, t._watch('confidence_gate'), Path(sys.argv[2]))"
    )
    clip, root = earlier.parent / "clip.mp4", Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", script, clip, earlier], cwd=root, capture_output=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    after = _files(earlier)
    assert before.items() <= after.items()
    assert len(after) > len(before)  # what the killed run had written so far
    predict(open_video(clip), _Network(), _watch("confidence_gate"), earlier)
    assert _files(earlier).keys() == before.keys()


def _end_at(frame, end):
    def see(seen, picture):
        if seen.row.frame == frame:
            end()

    return see


def _told(output):
    """All that a run says, but for when it was made."""
    report = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "", (output / "report.html").read_text())
    names, masks, overlay, _, _ = _read(output)
    table = (output / "frames.csv").read_text()
    return [names, masks.tobytes(), overlay.tobytes(), table, (output / "events.json").read_text(), report]


@pytest.mark.parametrize("direction", Direction)
def test_an_interrupted_run_goes_on_to_the_same_results(tmp_path, bundle, monkeypatch, capsys, direction):
    """Twice: after a frame that was saved and some more. Gas is seen everywhere, so that an alarm is on meanwhile."""
    monkeypatch.setattr(predict_module, "SAVED_EVERY", 4)
    video = open_video(_video(tmp_path / "clip.mp4", 23))
    watch = _watch("confidence_gate:low=0,high=0,kernel=1,vote_frames=3", window_s=0.2)
    for name in ("straight", "stopped"):
        (tmp_path / name).mkdir()

    def segmenter():
        return Segmenter(dataclasses.replace(bundle, direction=direction), clip_length=5)

    predict(video, segmenter(), watch, tmp_path / "straight")
    for frame in (14, 18):
        with pytest.raises(KeyboardInterrupt):
            predict(video, segmenter(), watch, tmp_path / "stopped", see=_end_at(frame, _interrupt))
    assert [path.name for path in (tmp_path / "stopped").iterdir()] == [".unfinished"]
    seen = []
    told = predict(
        video, segmenter(), watch, tmp_path / "stopped", see=lambda each, picture: seen.append(each.row.frame)
    )
    assert 10 < seen[0] <= 18  # it did not begin anew
    assert f"goes on after frame {seen[0]}" in capsys.readouterr().err
    assert (told.frames, told.alarms) == (23, 1)
    assert _told(tmp_path / "stopped") == _told(tmp_path / "straight")


def test_another_video_or_setting_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(predict_module, "SAVED_EVERY", 4)
    video, output = open_video(_video(tmp_path / "clip.mp4", 12)), tmp_path / "out"
    output.mkdir()
    with pytest.raises(KeyboardInterrupt):
        predict(video, _Network(), _watch("confidence_gate"), output, see=_end_at(9, _interrupt))
    seen = []
    see = _end_at(0, lambda: seen.append("begins"))
    predict(video, _Network(), _watch("confidence_gate:low=0.2"), output, see=see)
    assert seen == ["begins"]
    assert len(_read(output)[0]) == 12


@pytest.mark.slow
def test_a_killed_run_goes_on(tmp_path):
    clip, output, root = _video(tmp_path / "clip.mp4", 12), tmp_path / "out", Path(__file__).parents[2]
    output.mkdir()
    script = (
        "import os, signal, sys; from pathlib import Path; from tests.inference import test_predict as t;"
        "t.predict_module.SAVED_EVERY = 4; kill = lambda: os.kill(os.getpid(), signal.SIGKILL);"
        "see = t._end_at(9, kill) if sys.argv[3] == 'kill' else lambda seen, picture: print(seen.row.frame);"
        "video = t.open_video(Path(sys.argv[1])); watch = t._watch('confidence_gate');"
        "t.predict(video, t._Network(), watch, Path(sys.argv[2]), see=see)"
    )
    for end in ("kill", "whole"):
        done = subprocess.run(
            [sys.executable, "-c", script, clip, output, end], cwd=root, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == (-signal.SIGKILL if end == "kill" else 0), done.stderr
    assert done.stdout.split() == ["8", "9", "10", "11"]
    names, masks, overlay, _, rows = _read(output)
    assert len(names) == len(overlay) == len(rows) == 12
    assert (masks == 255).all()


class _Camera(LiveVideo):
    """Gives some frames without any waiting."""

    def __iter__(self):
        for index in range(self.frame_count):
            yield np.full((48, 64, 3), index % 200, np.uint8)


def _camera(number):
    return _Camera(
        address="rtsp://user:secret@host/yard",
        frames_per_second=15.0,
        size=(48, 64),
        notice=print,
        open_capture=open_capture,
        began=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        frame_count=number,
    )


def test_of_a_live_input_events_and_report_appear_on_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr(predict_module, "PUBLISHED_EVERY_S", 0.0)
    seen = []

    def see(each, picture):
        if each.row.frame == 20:
            seen.append(json.loads((tmp_path / "events.json").read_text()))
            seen.append((tmp_path / "report.html").read_text())
            seen.append((tmp_path / "frames.csv").exists())

    predict(_camera(30), _Network(), _watch("confidence_gate", window_s=0.2), tmp_path, see=see)
    events, report, table = seen
    assert (events["summary"]["frames"], events["summary"]["alarms"]) == (20, 1)
    assert [event["ended_by"] for event in events["events"]] == [None]  # it is still on
    assert events["video"]["path"] == "rtsp://host/yard"
    assert events["video"]["began"] == "2026-01-02T03:04:05+00:00"
    assert "1 alarm" in report
    assert "yard" in report
    assert not table
    assert "secret" not in report + str(events)
    assert len(_read(tmp_path)[-1]) == 30
    assert json.loads((tmp_path / "events.json").read_text())["events"][0]["ended_by"] == "video ended"


def test_a_live_input_goes_on_with_new_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(predict_module, "SAVED_EVERY", 4)
    with pytest.raises(KeyboardInterrupt):
        predict(_camera(30), _Network(), _watch("confidence_gate"), tmp_path, see=_end_at(9, _interrupt))
    predict(_camera(5), _Network(), _watch("confidence_gate"), tmp_path)
    assert [row["frame"] for row in _read(tmp_path)[-1]] == [str(index) for index in range(8 + 5)]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_video(tmp_path):
    """Gas comes and goes, so that there are alarms to keep. A frame takes 9 kB, a point of the timeline 0.2."""

    class Pulse(_Network):
        def probabilities(self, frames, **more):
            for index, frame in enumerate(frames):
                yield np.full(frame.shape[:2], 0.9 if index % 20 < 10 else 0.1, np.float32)

    held = {}

    def see(seen, picture):
        if seen.row.frame in (300, 1000):
            gc.collect()
            held[seen.row.frame] = tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        watch = _watch("confidence_gate:kernel=1", window_s=0.2, refractory_s=0.0)
        summary = predict(_camera(1001), Pulse(), watch, tmp_path, see=see)
    finally:
        tracemalloc.stop()
    assert summary.alarms == 50
    assert held[1000] < held[300] + 400_000
