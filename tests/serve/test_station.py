import dataclasses
import shlex
import time
from functools import partial

import cv2
import numpy as np
import pytest

from jvlgs_jax.data.live import open_live
from jvlgs_jax.data.video import open_video
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.postprocess import mask_rule
from jvlgs_jax.serve import station as station_module
from jvlgs_jax.serve.station import Station
from tests.serve.conftest import Network, wait_for, write_video


def _show(station, clip, name="yard.mp4"):
    station.show(clip, name, station.new_folder())


def _done(station):
    return station.state()["watch"]["stage"] in ("done", "failed")


def _watch(station, wish=None):
    station.watch(wish or {})
    wait_for(lambda: _done(station))
    return station.state()


def test_a_video_is_shown_then_watched_then_its_results_are_there(station, clip):
    assert station.state()["video"] is None
    assert station.picture() is None
    _show(station, clip)
    first = cv2.imdecode(np.frombuffer(station.picture(), np.uint8), cv2.IMREAD_COLOR)
    assert first.shape == (48, 64, 3)
    state = station.state()
    assert (state["video"]["name"], state["video"]["frame_count"], state["watch"]) == ("yard.mp4", 12, None)

    state = _watch(station)
    assert state["watch"]["stage"] == "done"
    assert state["results"] == ["report.html", "events.json", "frames.csv", "overlay.mp4"]
    overlay = cv2.imdecode(np.frombuffer(station.picture(), np.uint8), cv2.IMREAD_COLOR)
    assert overlay.shape[0] > 48  # the status bar
    report = station.result("report.html").read_text()
    assert "Gas in yard.mp4" in report
    assert str(clip.parent) not in report


def test_other_settings_need_no_second_run_of_the_network(station, network, clip):
    _show(station, clip)
    assert _watch(station)["watch"]["alarms"] == 1
    assert station.state()["video"]["remembered"]
    assert _watch(station, {"rule": {"high": 0.95}})["watch"]["verdict"] == "Nothing found"
    assert network.asked == 12
    _watch(station, {"camera": {"shift": 0.5}})  # what the network is told of the camera may change its answers
    assert network.asked == 24


def _declare(monkeypatch, frames):
    """Lets every video say that it has so many frames."""
    monkeypatch.setattr(
        station_module, "open_video", lambda path: dataclasses.replace(open_video(path), frame_count=frames)
    )


@pytest.mark.parametrize("declared", [0, 11, 243])
def test_a_video_that_declares_another_number_of_frames_is_remembered(station, network, clip, monkeypatch, declared):
    _declare(monkeypatch, declared)
    _show(station, clip)
    for _ in range(2):
        state = _watch(station)
        assert (state["watch"]["stage"], state["watch"]["frames"]) == ("done", 12)
    assert network.asked == 12


def test_a_watch_that_is_stopped_one_frame_early_is_not_remembered(station, network, clip, monkeypatch):
    _declare(monkeypatch, 11)
    _show(station, clip)
    network.at_frame = {11: station.stop}
    station.watch({})
    wait_for(lambda: station.state()["watch"]["stage"] == "stopped")
    assert not station.state()["video"]["remembered"]
    state = _watch(station)
    assert (state["watch"]["stage"], state["watch"]["frames"]) == ("done", 12)


def test_regions_are_used_and_can_be_taken_along(station, clip):
    _show(station, clip)
    right = [[[45, 0], [64, 0], [64, 48], [45, 48]]]
    state = _watch(station, {"regions": {"include": right}})
    assert state["watch"]["verdict"] == "Nothing found"
    assert station.result("regions.json").exists()
    assert "--regions=regions.json" in state["command"]
    assert state["wish"] == {"regions": {"include": right}}
    assert '"watched_share": ' in station.result("events.json").read_text()


def test_the_command_is_quoted_for_a_shell(clip):
    station = Station(Network(), mask_rule("confidence_gate"), {}, ["--checkpoint=my models/a"])
    _show(station, clip, name="a; rm -rf $HOME.mp4")
    station.watch({})
    words = shlex.split(" ".join(station.state()["command"]))
    assert words == [
        "jvlgs",
        "predict",
        "a; rm -rf $HOME.mp4",
        "--checkpoint=my models/a",
        "--output=out",
        "--rule=confidence_gate",
    ]
    station.close()


def test_a_wish_that_cannot_be_met_leaves_the_last_results(station, clip):
    with pytest.raises(UserError, match="no video: choose one first"):
        station.watch({})
    _show(station, clip)
    _watch(station)
    far = {"include": [[[0, 0], [999, 0], [9, 9]]]}
    with pytest.raises(
        UserError, match=r"^regions.json: include: polygon 1: corner \[999, 0\] lies out of the picture"
    ):
        station.watch({"regions": far})
    assert len(station.state()["results"]) == 4


def test_a_video_that_cannot_be_read_leaves_the_one_before(station, clip, tmp_path):
    _show(station, clip)
    _watch(station)
    folder = station.new_folder()
    broken = folder / "video.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(UserError, match=r"^holiday\.mp4: not a readable video"):
        station.show(broken, "holiday.mp4", folder)
    assert not folder.exists()
    assert station.state()["video"]["name"] == "yard.mp4"
    assert len(station.state()["results"]) == 4


def test_results_are_those_of_the_last_watch_and_nothing_else(station, clip):
    _show(station, clip)
    assert station.result("report.html") is None
    _watch(station)
    for name in ("../report.html", "masks", "", ".", "masks/000000.png", "/etc/passwd"):
        assert station.result(name) is None


def test_another_video_removes_the_files_of_the_one_before_and_the_end_all(tmp_path):
    station = Station(Network(pause_s=0.1), mask_rule("confidence_gate"), {})
    folders = []
    for name in ("a.mp4", "b.mp4"):
        folder = station.new_folder()
        folders.append(folder)
        station.show(write_video(folder / "video.mp4", 8), name, folder)
        station.watch({})
        wait_for(lambda: station.state()["watch"]["frames"] > 1)
    assert [folder.exists() for folder in folders] == [False, True]
    assert folders[1].parent.stat().st_mode & 0o777 == 0o700
    station.close()
    assert not folders[1].parent.exists()


def test_a_new_watch_takes_the_place_of_one_that_still_runs(clip):
    station = Station(Network(pause_s=0.1), mask_rule("confidence_gate"), {})
    _show(station, clip)
    station.watch({})
    wait_for(lambda: station.state()["watch"]["frames"] > 1)
    state = _watch(station, {"rule": {"high": 0.95}})
    assert (state["watch"]["stage"], state["watch"]["frames"]) == ("done", 12)
    assert state["watch"]["verdict"] == "Nothing found"
    station.close()


class _Camera:
    """A camera of 100 frames a second that shows a white square."""

    def isOpened(self):  # noqa: N802
        return True

    def read(self):
        time.sleep(0.01)
        frame = np.zeros((48, 64, 3), np.uint8)
        frame[8:32, 8:40] = 255
        return True, frame

    def get(self, propId):
        return 100.0

    def release(self):
        pass


@pytest.fixture
def live_station(monkeypatch):
    monkeypatch.setattr(station_module, "open_live", partial(open_live, open_capture=lambda address: _Camera()))
    station = Station(Network(), mask_rule("confidence_gate"), {}, live_network=Network)
    yield station
    station.close()


def test_a_camera_is_watched_until_it_is_stopped_then_its_results_are_there(live_station):
    live_station.show_camera("0", frames_per_second=50.0)
    state = live_station.state()["video"]
    assert (state["name"], state["live"], state["frame_count"]) == ("camera 0", True, 0)
    assert (state["width"], state["height"], state["frames_per_second"]) == (64, 48, 50)
    for wish in ({}, {"rule": {"high": 0.95}}):  # it can be watched again
        live_station.watch(wish)
        wait_for(lambda: live_station.state()["watch"]["frames"] > 3)
        assert live_station.picture() is not None
        live_station.stop()
        wait_for(lambda: _done(live_station))
        state = live_station.state()
        assert state["watch"]["stage"] == "done"
        assert "report.html" in state["results"]
    assert state["watch"]["verdict"] == "Nothing found"
    assert state["command"][:3] == ["jvlgs", "predict", "0"]


def test_a_password_in_an_address_is_not_told(live_station):
    live_station.show_camera("rtsp://me:secret@camera.example/1")
    live_station.watch({})
    wait_for(lambda: live_station.state()["watch"]["frames"] > 1)
    live_station.stop()
    wait_for(lambda: _done(live_station))
    told = str(live_station.state()) + live_station.result("report.html").read_text()
    assert "rtsp://camera.example/1" in told
    assert "secret" not in told


@pytest.mark.parametrize("address", ["", "front door", "/etc/passwd", "file:///etc/passwd", "concat:a|b", "-1"])
def test_what_is_no_camera_is_told(live_station, address):
    with pytest.raises(UserError, match="no camera: give its number"):
        live_station.show_camera(address)


def test_a_camera_that_is_not_there_leaves_the_video_before(clip):
    station = Station(Network(), mask_rule("confidence_gate"), {}, live_network=Network)
    _show(station, clip)
    with pytest.raises(UserError, match="frames a second: 1000"):
        station.show_camera("7", frames_per_second=1000.0)
    assert station.state()["video"]["name"] == "yard.mp4"
    station.close()
