"""What a training leaves: the model of its last step and, if it keeps one, the best, each with honest scores."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

from jvlgs_jax.evaluation.records import save_records
from jvlgs_jax.evaluation.report import as_json
from jvlgs_jax.inference.replacement import replacement
from jvlgs_jax.interop.model_folder import CALIBRATION, ModelBundle, holds_weights, save_model
from jvlgs_jax.training.config import TrainConfig
from jvlgs_jax.training.evaluators.findings import Findings
from jvlgs_jax.training.processes import is_first

LAST = "last"
MODEL_FOLDERS = {LAST: "model", "best": "model_best"}
SCORES = {LAST: "scores.json", "best": "scores_best.json"}
RECORDS = {LAST: "records", "best": "records_best"}  # folders of one table an evaluator of whole videos


@dataclass(frozen=True, kw_only=True)
class JudgedModel:
    """A model of a training, how it was chosen, and what the evaluators find in it.

    Attributes:
        selection: "last": its step was fixed before the training. "best-on-validation": it has the best score on scenes
            kept for choosing. "best-on-test": it was chosen by the part of the scenes that scores are reported on, so
            these are better than on new scenes.
        step: batches that it has seen.
        found: by evaluator.
    """

    selection: str
    step: int
    found: Mapping[str, Findings]

    def save(self, workdir: Path, bundle: ModelBundle, config: TrainConfig) -> None:
        """Writes the model folder, the records and the scores to a training's workdir, by its first process.

        A model folder of the same weights that was calibrated since stays as it is.
        """
        if not is_first():
            return
        kind = LAST if self.selection == LAST else "best"
        _save_model(workdir / MODEL_FOLDERS[kind], bundle)
        for name, findings in self.found.items():
            if findings.records:
                (workdir / RECORDS[kind]).mkdir(exist_ok=True)
                save_records(workdir / RECORDS[kind] / f"{name}.csv", findings.records)
        if self.found:
            with replacement(workdir / SCORES[kind]) as partial:
                partial.write_text(json.dumps(self.to_json(config), indent=2) + "\n", encoding="utf-8")

    def to_json(self, config: TrainConfig) -> dict[str, Any]:
        """Returns {"selection", "step", "evaluators": {name: {"kind", "part", "rule", "metrics", "methods"}}}.

        "methods" are those of `evaluation.report.save_scores`; a number that is not defined is None.
        """
        evaluators = {}
        for one in config.evaluators:
            if one.name not in self.found:
                continue
            findings = self.found[one.name]
            about = {"kind": one.kind, "part": one.part, "scenes": list(one.scenes), "rule": one.rule}
            if one.kind != "frames":
                del about["rule"]
            metrics = {name: None if isnan(value) else value for name, value in findings.metrics.items()}
            evaluators[one.name] = {**about, "metrics": metrics, "methods": as_json(findings.scores)}
        return {"selection": self.selection, "step": self.step, "evaluators": evaluators}


def _save_model(folder: Path, bundle: ModelBundle) -> None:
    if (folder / CALIBRATION).is_file() and holds_weights(folder, bundle.model):
        print(f"{folder}: left with the rule that it was calibrated to since", file=sys.stderr)
    else:
        save_model(folder, bundle)


def best_selection(config: TrainConfig) -> str:
    """Returns the honest name of how a config's best checkpoint is chosen."""
    (part,) = (one.part for one in config.evaluators if one.name == config.selection.evaluator)
    return f"best-on-{part}"
