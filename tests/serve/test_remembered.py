import numpy as np
import pytest

from jvlgs_jax.serve.remembered import Remembered

FRAMES = list(np.random.default_rng(0).integers(0, 256, (5, 8, 6, 1), np.uint8))


def _answers(remembered, frames=FRAMES):
    return np.stack(list(remembered.probabilities(iter(frames))))


def test_the_second_run_repeats_the_first_without_the_network(tmp_path, network):
    remembered = Remembered(network, tmp_path, len(FRAMES))
    assert not remembered.whole
    first = _answers(remembered)
    assert remembered.whole
    np.testing.assert_array_equal(_answers(remembered), first)
    assert network.asked == len(FRAMES)
    np.testing.assert_array_equal(_answers(remembered, FRAMES[:2]), first[:2])
    assert remembered.whole
    remembered.forget()
    assert list(tmp_path.iterdir()) == []
    np.testing.assert_array_equal(_answers(remembered), first)
    assert network.asked == 2 * len(FRAMES)


@pytest.mark.parametrize(
    ("frames", "count", "limit"),
    [(FRAMES[:3], 5, 1 << 20), (FRAMES, 5, 4 * 8 * 6 * 4), (FRAMES, 0, 1 << 20)],
    ids=["stopped early", "too large", "of unknown length"],
)
def test_what_is_not_whole_is_not_kept(tmp_path, network, frames, count, limit):
    remembered = Remembered(network, tmp_path, count, limit=limit)
    assert len(_answers(remembered, frames)) == len(frames)
    assert not remembered.whole
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_given_up_leaves_nothing(tmp_path, network):
    remembered = Remembered(network, tmp_path, len(FRAMES))
    run = remembered.probabilities(iter(FRAMES))
    next(run)
    run.close()
    assert not remembered.whole
    assert list(tmp_path.iterdir()) == []
