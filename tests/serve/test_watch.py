import json
import shutil
import threading

import numpy as np
import pytest

from jvlgs_jax.data.video import open_video
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.alarms import AlarmConfig
from jvlgs_jax.inference.predict import predict
from jvlgs_jax.inference.watching import WatchConfig
from jvlgs_jax.serve.stoppable import StoppableVideo
from jvlgs_jax.serve.watch import Stage, Watch
from tests.serve.conftest import Network, ReadsAll, wait_for

QUICK = WatchConfig(alarm=AlarmConfig(window_s=0.2))


def _watch(clip, network, output, watched=None):
    output.mkdir()
    return Watch(StoppableVideo.of(open_video(clip)), network, QUICK, watched, output, {"model": {"name": "bright"}})


def _ended(watch):
    return watch.stage not in (Stage.PREPARING, Stage.WATCHING)


def test_a_watch_writes_what_predict_writes_and_tells_of_it(tmp_path, clip, network):
    watch = _watch(clip, network, tmp_path / "watched")
    assert watch.state()["stage"] == "preparing"
    watch.start()
    wait_for(lambda: _ended(watch))
    (tmp_path / "predicted").mkdir()
    summary = predict(open_video(clip), network, QUICK, tmp_path / "predicted", origin={"model": {"name": "bright"}})
    for name in ("frames.csv", "events.json", "masks/000007.png", "overlay.mp4"):
        assert (tmp_path / "watched" / name).read_bytes() == (tmp_path / "predicted" / name).read_bytes()

    state = watch.state()
    json.dumps(state)
    assert (state["stage"], state["problem"], state["frames"], state["alarms"]) == ("done", None, 12, summary.alarms)
    assert state["summary"] == str(summary) == "12 frames, 10 with gas, 1 alarm"
    assert [event["event"] for event in state["events"]] == ["alarm_raised", "alarm_ended"]
    assert sum(span[0] for span in state["spans"]) == 12
    assert [span[3] for span in state["spans"]] == 3 * [0] + 9 * [1]
    assert (state["row"]["frame"], state["row"]["alarm"]) == (11, 1)
    assert watch.picture.shape[1] == 64


def test_a_watch_that_is_stopped_has_results_of_the_frames_until_then(tmp_path, clip):
    watch = _watch(clip, Network(pause_s=0.1), tmp_path / "out")
    watch.start()
    wait_for(lambda: watch.state()["frames"] >= 3)
    watch.stop()
    wait_for(lambda: _ended(watch))
    frames = watch.state()["frames"]
    assert watch.stage is Stage.STOPPED
    assert 3 <= frames < 12
    assert len((tmp_path / "out" / "frames.csv").read_text().splitlines()) == 1 + frames
    assert (tmp_path / "out" / "report.html").exists()


def test_a_stop_after_the_last_frame_was_read_loses_none(tmp_path, clip):
    network = ReadsAll()
    watch = _watch(clip, network, tmp_path / "out")
    network.at_frame = {1: watch.stop}
    watch.start()
    wait_for(lambda: _ended(watch))
    assert (watch.stage, watch.state()["frames"]) == (Stage.DONE, 12)


def test_a_watch_that_is_abandoned_leaves_no_results(tmp_path, clip):
    watch = _watch(clip, Network(pause_s=0.1), tmp_path / "out")
    watch.start()
    wait_for(lambda: watch.state()["frames"] >= 3)
    watch.abandon(wait_s=5.0)
    assert watch.stage is Stage.STOPPED
    assert list((tmp_path / "out").iterdir()) == []


class _Compiling:
    """Answers only once `compiled` is set."""

    def __init__(self, error=None):
        self.asked, self.compiled, self.error = threading.Event(), threading.Event(), error

    def probabilities(self, frames, *, starts_view=None, memory=None):
        for frame in frames:
            self.asked.set()
            assert self.compiled.wait(20)
            if self.error is not None:
                raise self.error
            yield np.zeros(frame.shape[:2], np.float32)


@pytest.mark.parametrize("error", [None, UserError("no room"), RuntimeError("out of order")])
def test_a_watch_abandoned_while_the_network_is_compiled_ends_without_a_word(tmp_path, clip, caplog, error):
    network = _Compiling(error)
    watch = _watch(clip, network, tmp_path / "out")
    watch.start()
    assert network.asked.wait(20)
    watch.abandon(wait_s=0.01)
    shutil.rmtree(tmp_path / "out")
    network.compiled.set()
    wait_for(lambda: _ended(watch))
    assert (watch.stage, watch.state()["problem"], caplog.text) == (Stage.STOPPED, None, "")


def test_gas_is_looked_for_in_the_regions_alone(tmp_path, clip, network):
    watched = np.zeros((48, 64), bool)
    watched[:, 50:] = True
    watch = _watch(clip, network, tmp_path / "out", watched)
    watch.start()
    wait_for(lambda: _ended(watch))
    assert watch.state()["verdict"] == "Nothing found"


class _Broken:
    def __init__(self, error):
        self.error = error

    def probabilities(self, frames, *, starts_view=None, memory=None):
        next(frames)
        raise self.error
        yield


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_is_told_and_logged(tmp_path, clip, caplog):
    watch = _watch(clip, _Broken(RuntimeError("the network is out of order")), tmp_path / "out")
    watch.start()
    wait_for(lambda: _ended(watch))
    assert watch.stage is Stage.FAILED
    assert "a fault of this program" in watch.state()["problem"]
    assert "the network is out of order" in caplog.text


def test_a_video_damaged_in_the_middle_ends_the_watch_with_the_reason(tmp_path, network):
    images = tmp_path / "frames"
    images.mkdir()
    import cv2

    for index in range(20):
        cv2.imwrite(str(images / f"{index:02d}.png"), np.zeros((48, 64), np.uint8))
    (tmp_path / "out").mkdir()
    video = StoppableVideo.of(open_video(images))
    (images / "18.png").write_bytes(b"cut")
    watch = Watch(video, network, QUICK, None, tmp_path / "out", {})
    watch.start()
    wait_for(lambda: _ended(watch))
    assert watch.stage is Stage.FAILED
    assert "18.png: not a readable image" in watch.state()["problem"]
