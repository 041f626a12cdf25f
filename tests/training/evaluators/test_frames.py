import json

import numpy as np
import pytest

from jvlgs_jax.evaluation.evaluator import MODEL, evaluate
from jvlgs_jax.evaluation.report import score
from jvlgs_jax.inference.postprocess import ConfidenceGate
from jvlgs_jax.training.config import FRAME_METRICS, EvaluatorConfig
from jvlgs_jax.training.evaluators import frames
from jvlgs_jax.training.evaluators.findings import HeldOut
from jvlgs_jax.training.evaluators.frames import MAX_PICTURES, FrameEvaluator
from training.toy import ToySegmenter, toy_bundle, toy_scene

SCENES = [toy_scene(name, seed, frames=6) for seed, name in enumerate("abcde")]
HELD_OUT = HeldOut(test=SCENES, gate=ConfidenceGate(kernel=1))


@pytest.fixture(autouse=True)
def toy_segmenter(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(frames, "Segmenter", ToySegmenter)


def bundle():
    toy = toy_bundle()
    toy.model.eval()
    return toy


def evaluator(config: EvaluatorConfig, stopped: bool = False) -> FrameEvaluator:
    return FrameEvaluator(config, HELD_OUT, stopped=lambda: stopped)


def test_scores_whole_videos_and_keeps_a_few_pictures():
    findings = evaluator(EvaluatorConfig(baselines=True))(bundle(), final=False)
    records = evaluate(ToySegmenter(bundle()), SCENES, ConfidenceGate(kernel=1)).records[MODEL]
    assert findings.scores == {MODEL: score(records)}
    assert set(findings.metrics) == set(FRAME_METRICS)
    assert findings.metrics["jvlgs_j"] == score(records).jvlgs.j
    # Gas shows from frame 2 of 6 on.
    assert [picture.name for picture in findings.pictures] == [f"{name}/4" for name in "abcde"[:MAX_PICTURES]]
    assert all(picture.pixels.shape[1:] == (48, 3) for picture in findings.pictures)


def test_baselines_come_at_the_end_and_scenes_by_name():
    findings = evaluator(EvaluatorConfig(scenes=("b", "d"), baselines=True))(bundle(), final=True)
    assert list(findings.scores) == [MODEL, "mog2", "background_difference", "temporal_median"]
    assert list(findings.scores[MODEL].alarms.parts) == ["b", "d"]


def test_the_rule_is_its_own():
    published = evaluator(EvaluatorConfig(rule="minmax_opening"))(bundle(), final=False)
    ours = evaluator(EvaluatorConfig())(bundle(), final=False)
    assert published.metrics != ours.metrics


def test_an_interruption_leaves_nothing_half_scored():
    assert evaluator(EvaluatorConfig(), stopped=True)(bundle(), final=False) is None


def test_processes_share_the_scenes_in_turn(monkeypatch: pytest.MonkeyPatch):
    whole = evaluator(EvaluatorConfig())(bundle(), final=False)
    messages: list[bytes] = []

    def findings_of(index: int) -> object:
        monkeypatch.setattr(frames.jax, "process_index", lambda: index)
        return evaluator(EvaluatorConfig())(bundle(), final=False)

    monkeypatch.setattr(frames.jax, "process_count", lambda: 2)
    monkeypatch.setattr(frames, "gathered", lambda message: messages.append(message) or [message])
    for index in range(2):
        findings_of(index)
    shares = [sorted({row[0] for row in json.loads(message)["records"][MODEL]}) for message in messages]
    assert shares == [["a", "c", "e"], ["b", "d"]]
    monkeypatch.setattr(frames, "gathered", lambda message: list(messages))
    assert findings_of(1).scores == whole.scores
    stopped = messages[0].replace(b'"stopped": false', b'"stopped": true')
    monkeypatch.setattr(frames, "gathered", lambda message: [stopped, messages[1]])
    assert findings_of(1) is None


def test_without_gas_a_picture_is_of_the_middle():
    scene = toy_scene("still", 9, frames=6)
    scene.truth[:] = 0
    held_out = HeldOut(test=[scene])
    (picture,) = FrameEvaluator(EvaluatorConfig(), held_out, stopped=lambda: False)(bundle(), final=False).pictures
    assert picture.name == "still/3"
    assert picture.pixels.dtype == np.uint8
