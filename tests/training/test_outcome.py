import json
from math import nan
from pathlib import Path

import pytest

from jvlgs_jax.training.config import EvaluatorConfig, SelectionConfig
from jvlgs_jax.training.evaluators.findings import Findings
from jvlgs_jax.training.outcome import JudgedModel, best_selection
from training.toy import toy_bundle, toy_config

TEST = EvaluatorConfig(scenes=("a",), every=2)
QUICK = EvaluatorConfig(name="quick", kind="batches", part="validation", every=2)


@pytest.mark.parametrize(("decides", "label"), [("quick", "best-on-validation"), ("test", "best-on-test")])
def test_the_best_is_called_by_the_scenes_that_chose_it(decides: str, label: str):
    metric = "loss" if decides == "quick" else "jvlgs_j"
    config = toy_config(evaluators=(TEST, QUICK), selection=SelectionConfig(evaluator=decides, metric=metric))
    assert best_selection(config) == label


def test_scores_say_what_they_are_of(tmp_path: Path):
    config = toy_config(evaluators=(TEST, QUICK))
    found = {
        "test": Findings(metrics={"jvlgs_j": 0.5, "onset_latency": nan}),
        "quick": Findings(metrics={"loss": 0.25}),
    }
    JudgedModel(selection="last", step=8, found=found).save(tmp_path, toy_bundle(), config)
    JudgedModel(selection="best-on-validation", step=4, found={}).save(tmp_path, toy_bundle(), config)
    assert json.loads((tmp_path / "scores.json").read_text()) == {
        "selection": "last",
        "step": 8,
        "evaluators": {
            "test": {
                "kind": "frames",
                "part": "test",
                "scenes": ["a"],
                "rule": "confidence_gate",
                "metrics": {"jvlgs_j": 0.5, "onset_latency": None},
                "methods": {},
            },
            "quick": {
                "kind": "batches", "part": "validation", "scenes": [], "metrics": {"loss": 0.25}, "methods": {}
            },
        },
    }  # fmt: skip
    # Nothing was found in the best one, so there are no scores of it; the model is there.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "model_best", "scores.json"]
