from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from jvlgs_jax.serve.remembered import Remembered
from jvlgs_jax.serve.stoppable import StoppableVideo
from tests.serve.conftest import Network, ReadsAll

FRAMES = list(np.random.default_rng(0).integers(0, 256, (5, 8, 6, 1), np.uint8))


class _Frames(StoppableVideo):
    def raw(self):
        return iter(FRAMES)


@pytest.fixture
def make_video():
    """Makes the same video for one more run."""
    return lambda: _Frames(path=Path("frames"), frame_count=0, frames_per_second=15.0, channels=1)


def _answers(remembered, video):
    return np.stack(list(remembered.answers(video).probabilities(iter(video))))


def test_the_second_run_repeats_the_first_without_the_network(tmp_path, network, make_video):
    remembered = Remembered(network, tmp_path)
    assert not remembered.whole
    first = _answers(remembered, make_video())
    assert len(first) == len(FRAMES)
    assert remembered.whole
    np.testing.assert_array_equal(_answers(remembered, make_video()), first)
    assert network.asked == len(FRAMES)
    video = make_video()
    again = list(remembered.answers(video).probabilities(islice(video, 2)))
    np.testing.assert_array_equal(np.stack(again), first[:2])
    assert remembered.whole
    remembered.forget()
    assert list(tmp_path.iterdir()) == []
    np.testing.assert_array_equal(_answers(remembered, make_video()), first)
    assert network.asked == 2 * len(FRAMES)


@pytest.mark.parametrize("number", [1, len(FRAMES) - 1, len(FRAMES)])
def test_a_run_that_was_stopped_is_not_kept(tmp_path, network, make_video, number):
    remembered, video = Remembered(network, tmp_path), make_video()
    network.at_frame = {number: video.stop}
    assert len(_answers(remembered, video)) == number
    assert not remembered.whole
    assert list(tmp_path.iterdir()) == []


def test_what_is_too_large_is_not_kept(tmp_path, network, make_video):
    remembered = Remembered(network, tmp_path, limit=4 * 8 * 6 * 4)
    assert len(_answers(remembered, make_video())) == len(FRAMES)
    assert not remembered.whole
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [Network, ReadsAll])
def test_a_run_that_is_given_up_leaves_nothing(tmp_path, make_video, kind):
    remembered, video = Remembered(kind(), tmp_path), make_video()
    run = remembered.answers(video).probabilities(iter(video))
    next(run)
    run.close()
    assert not remembered.whole
    assert list(tmp_path.iterdir()) == []
