import numpy as np

from jvlgs_jax.fewshot.alarm_guard import guard_gate
from jvlgs_jax.inference.postprocess import ConfidenceGate

GATE = ConfidenceGate(low=0.3, high=0.6, kernel=1)


def frame(highest: float) -> np.ndarray:
    probability = np.full((8, 8), 0.05, np.float32)
    probability[2:5, 2:5] = highest
    return probability


def test_the_gate_stays_where_there_are_no_more_false_alarms():
    found = guard_gate(GATE, [frame(0.9), frame(0.1)], [frame(0.1), frame(0.9)])
    assert (found.gate, found.before, found.adapted, found.guarded) == (GATE, 1, 1, 1)


def test_the_gate_is_tightened_as_far_as_needed():
    found = guard_gate(GATE, [frame(0.1), frame(0.1)], [frame(0.65), frame(0.85)])
    assert found.gate == ConfidenceGate(low=0.3, high=0.9, kernel=1)
    assert (found.before, found.adapted, found.guarded) == (0, 2, 0)


def test_where_no_gate_helps_there_is_none():
    found = guard_gate(GATE, [frame(0.1)], [frame(1.0)])
    assert found.gate is None
    assert found.guarded == 1


def test_without_frames_nothing_is_known_and_nothing_changes():
    assert guard_gate(GATE, [], []).gate == GATE
