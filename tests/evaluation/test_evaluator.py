import time

import numpy as np
import pytest

from jvlgs_jax.data.scene import Scene
from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.evaluator import evaluate
from jvlgs_jax.inference.postprocess import ConfidenceGate


class BrightnessSegmenter:
    """Calls bright pixels gas; keeps how far it has read."""

    def __init__(self):
        self.read = 0

    def probabilities(self, frames):
        for frame in frames:
            self.read += 1
            yield frame[..., 0].astype(np.float32) / 255


def scene(name, gas=(False, True, True), truth=True):
    frames = np.zeros((len(gas), 30, 40, 1), np.uint8)
    frames[list(gas), 5:20, 10:30] = 200
    return Scene(
        name=name,
        group=name,
        frames=frames,
        truth=(frames[..., 0] > 0).astype(np.uint8) if truth else None,
        frames_per_second=15.0,
    )


def test_every_frame_of_every_scene_is_recorded_in_order():
    evaluation = evaluate(BrightnessSegmenter(), [scene("a"), scene("b")], ConfidenceGate(kernel=1))
    rows = evaluation.records["model"]
    assert [(row.scene, row.frame) for row in rows] == [(name, index) for name in "ab" for index in range(3)]
    assert [(row.tp, row.fp, row.fn) for row in rows] == 2 * [(0, 0, 0), (300, 0, 0), (300, 0, 0)]
    assert rows[1].max_probability == pytest.approx(200 / 255)


def test_the_rule_starts_anew_with_each_scene():
    rule = ConfidenceGate(kernel=1, vote_frames=2)
    scenes = [scene("a", gas=(True, True)), scene("b", gas=(True, True))]
    rows = evaluate(BrightnessSegmenter(), scenes, rule).records["model"]
    assert [row.predicted_area for row in rows] == [0, 300, 0, 300]


def test_baselines_are_scored_on_the_same_frames():
    def silent(frames):
        for frame in frames:
            yield np.zeros(frame.shape[:2], np.uint8)

    records = evaluate(BrightnessSegmenter(), [scene("a")], ConfidenceGate(), {"silent": silent}).records
    assert list(records) == ["model", "silent"]
    assert [(row.fp, row.fn) for row in records["silent"]] == [(0, 0), (0, 300), (0, 300)]


def test_what_a_method_takes_is_measured_for_each_scene():
    def slow(frames):
        for frame in frames:
            time.sleep(0.01)
            yield np.zeros(frame.shape[:2], np.uint8)

    scenes = [scene("a"), scene("b", gas=(True,))]
    seconds = evaluate(BrightnessSegmenter(), scenes, ConfidenceGate(), {"slow": slow}).seconds
    assert {method: list(of) for method, of in seconds.items()} == {"model": ["a", "b"], "slow": ["a", "b"]}
    assert seconds["slow"]["a"] >= 0.03
    assert seconds["slow"]["b"] >= 0.01


def test_a_frame_is_scored_before_the_next_is_segmented():
    segmenter = BrightnessSegmenter()
    progress = []

    class Rule:
        def stream(self):
            return self

        def push(self, probability):
            progress.append(segmenter.read)
            return np.zeros(probability.shape, np.uint8)

    evaluate(segmenter, [scene("a")], Rule())
    assert progress == [1, 2, 3]


def test_a_segmenter_that_loses_frames_is_an_error():
    class Lossy:
        def probabilities(self, frames):
            return iter([np.zeros(frame.shape[:2], np.float32) for frame in frames][1:])

    with pytest.raises(ValueError, match="zip"):
        evaluate(Lossy(), [scene("a")], ConfidenceGate())


def test_a_scene_without_truth_is_refused():
    with pytest.raises(UserError, match="scene b: no truth"):
        evaluate(BrightnessSegmenter(), [scene("a"), scene("b", truth=False)], ConfidenceGate())
