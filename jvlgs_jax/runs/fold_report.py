"""The folds of one experiment together, wherever and whenever each was trained: one table a model and evaluator."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jvlgs_jax.data.splits import FOLDS, GroupedFold, PublishedFold, parse_split
from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.cross_validation import CrossValidation, cross_validation, fold_tables, folds_as_json
from jvlgs_jax.evaluation.records import load_records
from jvlgs_jax.experiment import Experiment
from jvlgs_jax.inference.replacement import replacement
from jvlgs_jax.runs.experiment_run import is_finished, stored_experiment
from jvlgs_jax.runs.folds import FOLDER
from jvlgs_jax.training.outcome import RECORDS, SCORES
from jvlgs_jax.training.same_data import first_difference

REPORT = "folds.json"
OWN_TO_A_FOLD = ("root", "split", "validation")  # of `DataConfig`: all else is the same in every fold

_MEANINGS = {
    "last": "the model of the last step, fixed before the training",
    "best-on-validation": "the step with the best score on scenes kept for choosing",
    "best-on-test": "the step with the best score on the very scenes scored here: better than on new scenes",
}


@dataclass(frozen=True, kw_only=True)
class FoldResult:
    """The scores of one way to choose a model, by one evaluator.

    Attributes:
        selection: see `training.outcome.JudgedModel`.
        evaluator: its name.
        about: what it measures on and how: part, scenes, rule.
        steps: batches that the model of each fold has seen, by split.
        methods: the scores of the model and the baselines.
    """

    selection: str
    evaluator: str
    about: Mapping[str, Any]
    steps: Mapping[str, int]
    methods: Mapping[str, CrossValidation]

    def __str__(self) -> str:
        steps = ", ".join(f"{split} at step {step}" for split, step in self.steps.items())
        scenes = f"{', '.join(self.about['scenes'])} of them" if self.about["scenes"] else "all of them"
        return (
            f"{self.selection}: {_MEANINGS[self.selection]}\n"
            f"evaluator {self.evaluator}: whole videos that a fold holds out, {scenes}; rule {self.about['rule']}\n"
            f"{_described(list(self.steps))}: {steps}\n\n{fold_tables(self.methods)}"
        )


@dataclass(frozen=True, kw_only=True)
class FoldReport:
    """All results of the folds, and the folders of those that are not finished, which are left out."""

    experiment: Experiment
    results: Sequence[FoldResult]
    unfinished: Sequence[Path]

    def __str__(self) -> str:
        left_out = [f"not finished, left out: {', '.join(map(str, self.unfinished))}"] if self.unfinished else []
        return "\n\n\n".join([*map(str, self.results), *left_out])

    def save(self, path: Path) -> None:
        """Writes it as JSON, replacing an earlier one at the end."""
        results = [
            {
                "selection": result.selection,
                "evaluator": result.evaluator,
                **result.about,
                "steps": dict(result.steps),
                "methods": folds_as_json(result.methods),
            }
            for result in self.results
        ]
        report = {
            "experiment": _shared(self.experiment),
            "results": results,
            "unfinished": [str(folder) for folder in self.unfinished],
        }
        with replacement(path) as partial:
            partial.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def fold_folders(workdir: Path) -> list[Path]:
    """Returns the folders of the folds in `workdir`, or `workdir` if it is that of one training."""
    return sorted(workdir.glob(f"{FOLDER}*"), key=lambda path: (len(path.name), path.name)) or [workdir]


def report_folds(folders: Sequence[Path]) -> FoldReport:
    """Returns the results of trainings that each held out another fold.

    UserError where none is finished, where two belong to different experiments, and where two score the same scene.
    """
    experiments = {folder: stored_experiment(folder) for folder in folders}
    finished = [folder for folder, experiment in experiments.items() if is_finished(folder, experiment)]
    unfinished = [folder for folder in experiments if folder not in finished]
    if not finished:
        raise UserError(f"{', '.join(map(str, folders))}: no fold is finished: run the training again, it goes on")
    by_split = {}
    for folder in finished:
        _check_same(finished[0], experiments[finished[0]], folder, experiments[folder])
        split = experiments[folder].data.split
        if split in by_split:
            raise UserError(f"{by_split[split]} and {folder} both hold out {split}: give each fold once")
        by_split[split] = folder
    results = [result for kind in SCORES for result in _results(by_split, kind)]
    if not results:
        raise UserError(f"{finished[0]}: no evaluator of kind 'frames' scores test scenes: add one to train.evaluators")
    return FoldReport(experiment=experiments[finished[0]], results=results, unfinished=unfinished)


def _results(folders: Mapping[str, Path], kind: str) -> list[FoldResult]:
    """Returns the results of the models "last" or "best", one for each evaluator; none if a fold has no such model."""
    if not all((folder / SCORES[kind]).is_file() for folder in folders.values()):
        return []
    scores = {split: json.loads((folder / SCORES[kind]).read_text()) for split, folder in folders.items()}
    first = next(iter(scores.values()))
    results = []
    for name, about in first["evaluators"].items():
        if about["kind"] != "frames" or about["part"] != "test":
            continue
        records = {split: load_records(folder / RECORDS[kind] / f"{name}.csv") for split, folder in folders.items()}
        results.append(
            FoldResult(
                selection=first["selection"],
                evaluator=name,
                about={key: about[key] for key in ("part", "scenes", "rule")},
                steps={split: of["step"] for split, of in scores.items()},
                methods=cross_validation(records),
            )
        )
    return results


def _check_same(folder: Path, experiment: Experiment, other_folder: Path, other: Experiment) -> None:
    """UserError that names the first setting in which the experiments of two folds differ."""
    difference = first_difference(_shared(experiment), _shared(other))
    if difference is not None:
        name, value, other_value = difference
        raise UserError(
            f"{folder} and {other_folder} are of different experiments: {name} is {value!r} and {other_value!r}: "
            "give folds of one"
        )
    if _division(experiment.data.split) != _division(other.data.split):
        splits = f"{experiment.data.split} and {other.data.split}"
        raise UserError(f"{folder} and {other_folder} hold out {splits}, folds of different kinds: give those of one")


def _shared(experiment: Experiment) -> dict[str, Any]:
    """Returns the experiment without what is a fold's own."""
    settings = json.loads(experiment.to_json())
    settings["data"] = {name: value for name, value in settings["data"].items() if name not in OWN_TO_A_FOLD}
    return settings


def _division(split: str) -> tuple[str, int | None]:
    """Returns what the folds of one division have in common, and their number, None if it is not known."""
    parsed = parse_split(split)
    if isinstance(parsed, PublishedFold):
        return "published", FOLDS
    if isinstance(parsed, GroupedFold):
        return "grouped", parsed.folds
    return type(parsed).__name__, None


def _described(splits: Sequence[str]) -> str:
    folds = _division(splits[0])[1]
    return f"{len(splits)} held-out parts" if folds is None else f"{len(splits)} of {folds} folds"
