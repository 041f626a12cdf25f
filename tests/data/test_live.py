import threading
import time

import cv2
import numpy as np
import pytest

from jvlgs_jax.data import live
from jvlgs_jax.data.live import is_live, open_live, public_address
from jvlgs_jax.errors import UserError

ADDRESS = "rtsp://user:secret@camera.example/one"


class Camera:
    """A camera that is opened several times; each time it gives a frame of each of some grey levels, then is lost."""

    def __init__(self, *openings, size=(48, 64), rate=0.0, pause=0.0):
        self._openings = list(openings)
        self._size, self._rate, self._pause = size, rate, pause
        self.opened, self.released = 0, 0

    def open(self, address):
        camera, levels = self, self._openings.pop(0) if self._openings else []
        self.opened += 1

        class Capture:
            def isOpened(self):  # noqa: N802
                return bool(levels)

            def read(self):
                time.sleep(camera._pause)
                return (True, np.full((*camera._size, 3), levels.pop(0), np.uint8)) if levels else (False, None)

            def get(self, propId):
                assert propId == cv2.CAP_PROP_FPS
                return camera._rate

            def release(self):
                camera.released += 1

        return Capture()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(live, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(live, "LONGEST_WAIT_S", 0.004)


def _levels(video, number):
    """The grey levels of the first frames."""
    levels = []
    for frame in video:
        levels.append(int(frame[0, 0, 0]))
        if len(levels) == number:
            video.stop()
    return levels


def test_a_lost_stream_is_opened_again_with_longer_and_longer_waits():
    told = []
    camera = Camera([0], [1, 2, 3], [], [], [], [], [4, 5])
    video = open_live(ADDRESS, told.append, frames_per_second=1e6, open_capture=camera.open)
    assert _levels(video, 5) == [1, 2, 3, 4, 5]
    lost = [line for line in told if "lost" in line]
    assert [line.rpartition("in ")[2] for line in lost[:5]] == ["0.001 s", "0.002 s", "0.004 s", "0.004 s", "0.004 s"]
    assert sum("is back after" in line for line in told) == 1
    assert not any("secret" in line for line in told)
    assert camera.released == camera.opened


def test_a_stream_that_comes_back_with_another_size_keeps_its_first_one():
    camera = Camera([0], [1], [2])
    video = open_live("0", print, open_capture=camera.open)
    frames = iter(video)
    assert next(frames).shape == (48, 64, 3)
    camera._size = (96, 128)
    assert next(frames).shape == (48, 64, 3)
    video.stop()
    assert list(frames) == []


def test_a_stream_that_ends_as_it_is_stopped_is_not_told_as_lost():
    told = []
    camera = Camera([0], [])
    video = open_live("0", told.append, open_capture=camera.open)
    lost = camera.open("0")

    def stop_and_end():
        video.stop()
        return False, None

    lost.read = stop_and_end
    video.open_capture = lambda address: lost
    assert list(video) == []
    assert told == []
    assert camera.released == camera.opened == 2


def test_a_slow_network_gets_the_newest_frames_and_is_told(monkeypatch):
    monkeypatch.setattr(live, "KEPT", 4)
    told, done = [], threading.Event()
    camera = Camera([0], list(range(1, 21)))
    video = open_live(
        "0",
        lambda line: (told.append(line), "lost" in line and done.set()),
        frames_per_second=1e6,
        open_capture=camera.open,
    )
    frames = iter(video)
    first = int(next(frames)[0, 0, 0])
    assert done.wait(20)
    video.stop()
    # The first may itself be one of the newest: on a busy machine all were there before it was taken.
    assert [first, *(int(frame[0, 0, 0]) for frame in frames)][-4:] == [17, 18, 19, 20]
    assert "camera 0: 1 frames left out" in told[0]
    assert "set a lower --frame-rate" in told[0]


def test_frames_come_at_most_at_the_rate_that_is_asked():
    camera = Camera([0], [1] * 60, pause=0.01)
    video = open_live("0", lambda line: video.stop(), frames_per_second=10.0, open_capture=camera.open)
    start = time.monotonic()
    taken = len(list(video))
    assert 2 <= taken <= 10 * (time.monotonic() - start) + 2


def test_a_reader_that_fails_ends_the_iteration_with_its_error():
    camera = Camera([0], [1, 2])

    def nobody_hears(line):
        raise BrokenPipeError(line)

    video = open_live("0", nobody_hears, frames_per_second=1e6, open_capture=camera.open)
    levels, watchdog = [], threading.Timer(10, video.stop)
    watchdog.start()
    with pytest.raises(BrokenPipeError, match="camera 0: the stream is lost"):
        levels.extend(int(frame[0, 0, 0]) for frame in video)
    watchdog.cancel()
    assert levels == [1, 2]


def test_its_time_begins_when_it_is_first_read():
    camera = Camera([0], [1] * 1000, pause=0.01)
    video = open_live("0", print, frames_per_second=1e6, duration=0.3, open_capture=camera.open)
    opened = video.began
    time.sleep(0.4)  # whoever reads has something to prepare
    assert camera.opened == 1
    start = time.monotonic()
    assert len(list(video)) > 1
    assert time.monotonic() - start >= 0.3
    assert (video.began - opened).total_seconds() >= 0.4


@pytest.mark.parametrize(("stated", "rate"), [(25.0, 25.0), (0.0, 15.0), (90000.0, 15.0), (float("nan"), 15.0)])
def test_the_rate_is_the_cameras_own_where_it_can_be_believed(stated, rate):
    assert open_live("0", print, open_capture=Camera([0], rate=stated).open).frames_per_second == rate


@pytest.mark.parametrize(
    ("address", "name"), [("0", "camera 0"), (ADDRESS, "rtsp://camera.example/one: no frame from this stream")]
)
def test_an_input_that_gives_nothing_is_refused_in_one_line(address, name):
    with pytest.raises(UserError, match=name) as refused:
        open_live(address, print, open_capture=Camera([]).open)
    assert "secret" not in str(refused.value)


def test_a_local_file_can_be_read_like_a_stream(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 15.0, (64, 48))
    for level in (10, 100, 200):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    video = open_live(str(tmp_path / "clip.avi"), print, frames_per_second=1e6)
    assert video.size == (48, 64)
    np.testing.assert_allclose(_levels(video, 3), [10, 100, 200], atol=4)


def test_numbers_and_urls_are_live_unless_there_is_such_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_live("0")
    assert is_live("rtsp://camera/one")
    assert not is_live("clip.mp4")
    assert not is_live("C:/clip.mp4")
    (tmp_path / "0").touch()
    assert not is_live("0")
    assert is_live("http://[x")
    assert is_live("rtsp://host/" + "token" * 100)  # longer than a file's name may be
    assert not is_live("20240131120000")  # no camera has such a number: a folder that is not there


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://a:b@host:80/x?y=1", "http://host:80/x?y=1"),
        ("rtsp://a:b@c@host/x@y", "rtsp://host/x@y"),
        ("http://a:b@[x", "http://[x"),
        ("rtsp://host", "rtsp://host"),
    ],
)
def test_an_address_is_shown_without_name_and_password(address, shown):
    assert public_address(address) == shown
