import dataclasses
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from staged_runs import Network, end_at, files_in, interrupt, read_results, watch_config, write_images, write_video

from jvlgs_jax.data.sampling import Direction
from jvlgs_jax.data.video import open_video
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference import predict as predict_module
from jvlgs_jax.inference import result_files
from jvlgs_jax.inference.predict import predict
from jvlgs_jax.inference.replacement import put_in_place
from jvlgs_jax.inference.segmenter import Segmenter


@pytest.fixture
def earlier(tmp_path):
    """A folder with the results of an earlier run."""
    output = tmp_path / "out"
    output.mkdir()
    predict(open_video(write_video(tmp_path / "clip.mp4", 6)), Network(), watch_config("confidence_gate"), output)
    assert len(files_in(output)) == 6 + 4
    return output


def test_a_run_interrupted_before_anything_was_saved_leaves_the_earlier_one_and_nothing_else(earlier):
    before = files_in(earlier)
    video = open_video(earlier.parent / "clip.mp4")
    with pytest.raises(KeyboardInterrupt):
        predict(video, Network(interrupt, at=4), watch_config("minmax_opening"), earlier)
    assert files_in(earlier) == before


def test_a_damaged_video_leaves_the_earlier_run(earlier):
    before = files_in(earlier)
    images = write_images(earlier.parent / "frames", 20, (48, 64))
    (images / "18.png").write_bytes(b"cut")
    with pytest.raises(UserError, match=r"18\.png"):
        predict(open_video(images), Network(), watch_config("confidence_gate"), earlier)
    assert files_in(earlier) == before


def test_results_of_two_runs_never_count_as_one(earlier, monkeypatch):
    def place(source, target):
        if target.name == "report.html":
            interrupt()
        put_in_place(source, target)

    monkeypatch.setattr(result_files, "put_in_place", place)
    with pytest.raises(KeyboardInterrupt):
        predict(open_video(earlier.parent / "clip.mp4"), Network(), watch_config("minmax_opening"), earlier)
    assert (earlier / "overlay.mp4").exists()  # the later run's, beside the report of the earlier one
    assert not (earlier / "events.json").exists()  # which would say that they belong together


@pytest.mark.slow
def test_a_killed_run_leaves_the_earlier_one_and_the_next_tidies_up(earlier):
    before = files_in(earlier)
    script = (
        "import os, signal, sys; from pathlib import Path;"
        "from staged_runs import Network, watch_config; from jvlgs_jax.data.video import open_video;"
        "from jvlgs_jax.inference.predict import predict;"
        "network = Network(lambda: os.kill(os.getpid(), signal.SIGKILL), at=4);"
        "predict(open_video(Path(sys.argv[1])), network, watch_config('confidence_gate'), Path(sys.argv[2]))"
    )
    clip, here = earlier.parent / "clip.mp4", Path(__file__).parent
    killed = subprocess.run([sys.executable, "-c", script, clip, earlier], cwd=here, capture_output=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    after = files_in(earlier)
    assert before.items() <= after.items()
    assert len(after) > len(before)  # what the killed run had written so far
    predict(open_video(clip), Network(), watch_config("confidence_gate"), earlier)
    assert files_in(earlier).keys() == before.keys()


def _told(output):
    """All that a run says, but for when it was made."""
    report = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "", (output / "report.html").read_text())
    names, masks, overlay, _, _ = read_results(output)
    table = (output / "frames.csv").read_text()
    return [names, masks.tobytes(), overlay.tobytes(), table, (output / "events.json").read_text(), report]


@pytest.mark.slow
@pytest.mark.parametrize("direction", Direction)
def test_an_interrupted_run_goes_on_to_the_same_results(tmp_path, bundle, monkeypatch, capsys, direction):
    """Twice: after a frame that was saved and some more. Gas is seen everywhere, so that an alarm is on meanwhile."""
    monkeypatch.setattr(predict_module, "SAVED_EVERY", 4)
    video = open_video(write_video(tmp_path / "clip.mp4", 23))
    watch = watch_config("confidence_gate:low=0,high=0,kernel=1,vote_frames=3,low_rate=0.2,high_rate=0.5", window_s=0.2)
    for name in ("straight", "stopped"):
        (tmp_path / name).mkdir()

    def segmenter():
        return Segmenter(dataclasses.replace(bundle, direction=direction), clip_length=5)

    predict(video, segmenter(), watch, tmp_path / "straight")
    for frame in (14, 18):
        with pytest.raises(KeyboardInterrupt):
            predict(video, segmenter(), watch, tmp_path / "stopped", see=end_at(frame, interrupt))
    assert [path.name for path in (tmp_path / "stopped").iterdir()] == [".unfinished"]
    seen = []
    told = predict(
        video, segmenter(), watch, tmp_path / "stopped", see=lambda each, picture: seen.append(each.row.frame)
    )
    assert 10 < seen[0] <= 18  # it did not begin anew
    assert f"goes on after frame {seen[0]}" in capsys.readouterr().err
    assert (told.frames, told.alarms) == (23, 1)
    assert _told(tmp_path / "stopped") == _told(tmp_path / "straight")


@pytest.mark.parametrize(
    "step", ["jvlgs_jax.inference.video_writer.join_videos", "jvlgs_jax.inference.results.render_report"]
)
def test_a_run_that_ends_after_its_last_frame_goes_on(earlier, monkeypatch, step):
    """With 8 of 8 frames saved, so that the overlay is one whole part."""
    monkeypatch.setattr(predict_module, "SAVED_EVERY", 4)
    before, video = files_in(earlier), open_video(write_video(earlier.parent / "other.mp4", 8))
    with monkeypatch.context() as broken:
        broken.setattr(step, lambda *_: interrupt())
        with pytest.raises(KeyboardInterrupt):
            predict(video, Network(), watch_config("confidence_gate"), earlier)
    assert before.items() <= files_in(earlier).items()
    seen = []
    predict(video, Network(), watch_config("confidence_gate"), earlier, see=lambda each, _: seen.append(each.row.frame))
    assert seen == []  # no frame was left to do
    names, _, overlay, _, rows = read_results(earlier)
    assert len(names) == len(overlay) == len(rows) == 8
    assert len(files_in(earlier)) == 8 + 4


def test_another_video_or_setting_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(predict_module, "SAVED_EVERY", 4)
    video, output = open_video(write_video(tmp_path / "clip.mp4", 12)), tmp_path / "out"
    output.mkdir()
    with pytest.raises(KeyboardInterrupt):
        predict(video, Network(), watch_config("confidence_gate"), output, see=end_at(9, interrupt))
    seen = []
    see = end_at(0, lambda: seen.append("begins"))
    predict(video, Network(), watch_config("confidence_gate:low=0.2"), output, see=see)
    assert seen == ["begins"]
    assert len(read_results(output)[0]) == 12


@pytest.mark.slow
def test_a_killed_run_goes_on(tmp_path):
    clip, output, here = write_video(tmp_path / "clip.mp4", 12), tmp_path / "out", Path(__file__).parent
    output.mkdir()
    script = (
        "import os, signal, sys; from pathlib import Path;"
        "from staged_runs import Network, end_at, watch_config; from jvlgs_jax.data.video import open_video;"
        "from jvlgs_jax.inference import predict as module;"
        "module.SAVED_EVERY = 4; kill = lambda: os.kill(os.getpid(), signal.SIGKILL);"
        "see = end_at(9, kill) if sys.argv[3] == 'kill' else lambda seen, picture: print(seen.row.frame);"
        "video = open_video(Path(sys.argv[1])); watch = watch_config('confidence_gate');"
        "module.predict(video, Network(), watch, Path(sys.argv[2]), see=see)"
    )
    for end in ("kill", "whole"):
        done = subprocess.run(
            [sys.executable, "-c", script, clip, output, end], cwd=here, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == (-signal.SIGKILL if end == "kill" else 0), done.stderr
    assert done.stdout.split() == ["8", "9", "10", "11"]
    names, masks, overlay, _, rows = read_results(output)
    assert len(names) == len(overlay) == len(rows) == 12
    assert (masks == 255).all()
