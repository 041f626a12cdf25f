from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
import pytest

from fewshot.toy import ShiftedBias, ToyForward, pretrained, site, support
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.fewshot.leave_one_out import Choice, choose_amount, folds_of
from jvlgs_jax.fewshot.methods import AdaptationMethod
from jvlgs_jax.fewshot.pool import make_pool
from jvlgs_jax.inference.postprocess import ConfidenceGate

FORWARD, SCENE = ToyForward(), site(30.0)


def choose(amounts: tuple[float, ...], frames: Sequence[int], start_bias: float = -4.0, **settings) -> Choice:
    method: AdaptationMethod = ShiftedBias(amounts, **settings)
    variables = pretrained()
    variables.params["decoder"]["head"]["bias"] = jnp.array([start_bias])
    pool = make_pool(support(SCENE, frames).frames, FORWARD, variables, ClipConfig(), variants=1)
    return choose_amount(method, FORWARD, variables, pool, ConfidenceGate(kernel=1), lambda: None)


def test_goes_as_far_as_frames_left_out_are_better_for_it():
    choice = choose((0.0, 30.0, 100.0), [44, 60, 70], start_bias=-34.0)
    assert (choice.candidate, choice.folds) == (1, 2)
    assert choice.scores[1].j > choice.scores[0].j + 0.2


def test_stays_where_nothing_is_better():
    assert choose((0.0, -50.0, -100.0), [44, 60, 70]).candidate == 0


def test_never_takes_more_false_alarms_than_the_start():
    # Far enough up, every pixel is gas: better on the frame with gas than a blind start, but it cries wolf.
    choice = choose((0.0, 300.0), [44, 45, 60, 70], start_bias=-200.0)
    assert choice.scores[1].false_alarms == 2
    assert choice.candidate == 0


def test_false_alarms_of_a_random_start_are_no_limit():
    choice = choose((0.0, 300.0), [44, *range(60, 80)], start_bias=-200.0, starts_anew=True)
    assert choice.scores[1].false_alarms == 1
    assert choice.scores[1].j > choice.scores[0].j
    assert choice.candidate == 1


def test_a_candidate_that_is_not_finite_is_not_taken():
    # The start cries wolf; probabilities that are no numbers make no mask, so that they seem better.
    choice = choose((0.0, float("nan")), [44, 45, 60, 70], start_bias=300.0)
    assert choice.scores[1].j > choice.scores[0].j
    assert choice.candidate == 0


def test_a_single_frame_with_gas_cannot_be_left_out():
    assert choose((0.0, 5.0), [44, 60]) == Choice(candidate=1, scores=(), folds=0)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([60], []),
        ([60, 70], [[0], [1]]),
        ([44, 45, 60, 70], [[0, 2], [1, 3]]),
        ([44, *range(60, 72)], 5),
    ],
)
def test_every_frame_is_left_out_once(frames: list[int], expected: list[list[int]] | int):
    folds = folds_of(support(SCENE, frames).frames)
    if isinstance(expected, int):
        assert len(folds) == expected
        assert sorted(np.concatenate(folds)) == list(range(len(frames)))
    else:
        assert folds == expected
