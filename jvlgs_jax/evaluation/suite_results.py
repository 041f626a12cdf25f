"""What a suite keeps of each dataset, so that a run that was cut short goes on with the next one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.evaluator import Evaluation
from jvlgs_jax.evaluation.records import load_records, save_records
from jvlgs_jax.evaluation.report import save_scores, score
from jvlgs_jax.inference.replacement import replacement

RECORDS, SCORES, RESULT = "records.csv", "scores.json", "result.json"


@dataclass(frozen=True, kw_only=True)
class DatasetResult:
    """The scoring of one dataset.

    Attributes:
        name: of the dataset in its suite.
        settings: what was scored and how, as JSON's types; results of other settings are never mixed with these.
        evaluation: of the model and the baselines.
        frames_per_second: of each scene, by name.
        unlabelled: names of the scenes left out, as they have no truth.
    """

    name: str
    settings: Mapping[str, Any]
    evaluation: Evaluation
    frames_per_second: Mapping[str, float]
    unlabelled: list[str]


def save_result(folder: Path, result: DatasetResult) -> None:
    """Writes the folder of one dataset, whole or not at all: records.csv, scores.json and result.json."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    rest = {
        "settings": result.settings,
        "frames_per_second": result.frames_per_second,
        "seconds": result.evaluation.seconds,
        "unlabelled": result.unlabelled,
    }
    with replacement(folder) as partial:
        partial.mkdir()
        save_records(partial / RECORDS, result.evaluation.records)
        save_scores(partial / SCORES, {name: score(rows) for name, rows in result.evaluation.records.items()})
        (partial / RESULT).write_text(json.dumps(rest, indent=2) + "\n", encoding="utf-8")


def load_result(folder: Path, settings: Mapping[str, Any]) -> DatasetResult | None:
    """Reads what `save_result` wrote; None where there is nothing yet.

    UserError for results of other settings, naming the first that differs, and for a damaged folder.
    """
    if not folder.exists():
        return None
    path = folder / RESULT
    if not path.is_file():
        raise UserError(f"{folder}: exists and holds no results of a suite: choose another output folder")
    try:
        rest = json.loads(path.read_text(encoding="utf-8"))
        found = rest["settings"]
        for name, value in settings.items():
            if found.get(name) != value:
                raise UserError(
                    f"{folder}: holds results of another {name} ({found.get(name)!r}, now {value!r}): "
                    "choose another output folder, or remove this one"
                )
        return DatasetResult(
            name=folder.name,
            settings=found,
            evaluation=Evaluation(records=load_records(folder / RECORDS), seconds=rest["seconds"]),
            frames_per_second=rest["frames_per_second"],
            unlabelled=rest["unlabelled"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: damaged ({type(error).__name__}: {error}): remove {folder}") from error
