import time

import numpy as np
import pytest

from jvlgs_jax.inference.postprocess import mask_rule
from jvlgs_jax.inference.video_writer import video_writer
from jvlgs_jax.serve.station import Station


class Network:
    """The brighter, the likelier gas: from 0.1 for black to 0.9 for white. Counts what it is asked.

    `at_frame` holds what to call when it is asked for the frame of that number.
    """

    def __init__(self, pause_s=0.0):
        self.asked = 0
        self.at_frame = {}
        self.pause_s = pause_s

    def probabilities(self, frames, *, starts_view=None, memory=None):
        for frame in frames:
            self.asked += 1
            self.at_frame.get(self.asked, lambda: None)()
            time.sleep(self.pause_s)
            yield np.float32(0.1) + frame[..., 0] * np.float32(0.8 / 255)


class ReadsAll(Network):
    """Answers only once it has every frame, as one whose window is longer than the video."""

    def probabilities(self, frames, *, starts_view=None, memory=None):
        return super().probabilities(list(frames))


def write_video(path, number, size=(48, 64)):
    """A white square on black, from the third frame on."""
    with video_writer(path, 15.0) as write:
        for index in range(number):
            frame = np.zeros((*size, 3), np.uint8)
            if index >= 2:
                frame[8:32, 8:40] = 255
            write(frame)
    return path


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def station(network):
    station = Station(network, mask_rule("confidence_gate"), {"name": "bright", "input_size": [48, 64]})
    yield station
    station.close()


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", 12)


def wait_for(condition, seconds=20.0):
    """Waits until `condition()` holds, and fails where it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
