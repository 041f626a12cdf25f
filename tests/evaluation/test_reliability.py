import xml.etree.ElementTree as ET

import numpy as np
import pytest

from jvlgs_jax.evaluation.calibration_plot import draw_false_alarms, draw_reliability
from jvlgs_jax.evaluation.leak_free import FalseAlarmLimit, GateAlarms, LeakFreeCalibration
from jvlgs_jax.evaluation.reliability import ReliabilityTally
from jvlgs_jax.inference.postprocess import ConfidenceGate


def _tally(wrong):
    """Pixels that are gas as often as their probability, moved by `wrong`, says."""
    rng, tally = np.random.default_rng(0), ReliabilityTally()
    for _ in range(4):
        probability = rng.uniform(0, 0.8, (100, 100)).astype(np.float32)
        tally.add(probability, rng.uniform(0, 1, (100, 100)) < probability + wrong)
    return tally.result()


def test_honest_probabilities_lie_on_the_diagonal_and_others_off_it():
    assert _tally(0.0).calibration_error < 0.02
    assert _tally(0.2).calibration_error == pytest.approx(0.2, abs=0.02)
    honest = _tally(0.0)
    filled = honest.pixels > 0
    assert filled.sum() == 16
    assert honest.pixels.sum() == 40_000
    np.testing.assert_allclose(honest.predicted[filled], honest.observed[filled], atol=0.06)


def test_a_probability_of_one_has_a_bin():
    tally = ReliabilityTally()
    tally.add(np.ones((2, 2), np.float32), np.ones((2, 2), bool))
    assert tally.result().pixels[-1] == 4


def _shapes(svg):
    root = ET.fromstring(svg)
    return [element.tag.rpartition("}")[2] for element in root.iter()], "".join(root.itertext())


def test_the_plots_are_svg_with_their_numbers():
    tags, words = _shapes(draw_reliability(_tally(0.0)))
    assert tags.count("circle") == 16
    assert "calibration error 0.0" in words
    trials = [
        GateAlarms(ConfidenceGate(low=0.1, high=high), count, 2.5, 3.0 + count) for high, count in ((0.3, 5), (0.9, 0))
    ]
    found = LeakFreeCalibration(chosen=trials[1], trials=trials, limit=FalseAlarmLimit(per_hour=4.0))
    tags, words = _shapes(draw_false_alarms(found))
    assert tags.count("polyline") == 3
    assert "chosen: 0.9, with 0 in 2.50 h without a leak" in words
    assert "8.4" in words  # 5 % above the largest bound


def test_the_rates_of_gates_that_are_always_in_alarm_leave_room_for_the_others():
    always = GateAlarms(ConfidenceGate(low=0.1, high=0.3), 1, 1e-5, 4.7e5)
    seldom = GateAlarms(ConfidenceGate(low=0.1, high=0.9), 0, 2.5, 1.2)
    found = LeakFreeCalibration(chosen=seldom, trials=[always, seldom], limit=FalseAlarmLimit(per_hour=4.0))
    root = ET.fromstring(draw_false_alarms(found))
    lines = [line.attrib["points"] for line in root.iter() if "points" in line.attrib]
    assert min(float(point.split(",")[1]) for line in lines for point in line.split()) == 60.0  # cut off at the frame
    assert "42" in [element.text for element in root.iter()]  # ten limits and 5 % at the top
