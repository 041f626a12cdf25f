"""An experiment on every fold of its dataset: each trained in a folder of its own, one after the other."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.data.splits import FOLDS, GroupedFold, PublishedFold, parse_split
from jvlgs_jax.errors import UserError
from jvlgs_jax.experiment import Experiment
from jvlgs_jax.runs.experiment_run import is_finished, run_experiment

FoldSplit = PublishedFold | GroupedFold

PUBLISHED, GROUPED = "published", "grouped"
FOLDER = "fold_"


def parse_folds(choice: str, data: DataConfig) -> list[FoldSplit]:
    """Returns the folds that `choice` names.

    Args:
        choice: "published" or "grouped", all folds of that kind, the latter as many as `data.split` has, if it is one
            of them, else 5; or numbers such as "0,2", folds of the kind of `data.split`.
        data: of the experiment.

    UserError for anything else.
    """
    own = parse_split(data.split)
    if choice == PUBLISHED:
        return [PublishedFold(fold) for fold in range(FOLDS)]
    if choice == GROUPED:
        folds = own.folds if isinstance(own, GroupedFold) else FOLDS
        return [GroupedFold(fold, folds) for fold in range(folds)]
    numbers = choice.split(",")
    if not all(number.isdecimal() for number in numbers):
        raise UserError(f"--folds: {choice!r} names no folds: use {PUBLISHED}, {GROUPED} or numbers such as 0,2")
    if not isinstance(own, FoldSplit):
        raise UserError(
            f"--folds={choice}, but data.split is {data.split!r}, which has no folds: use --folds={GROUPED}, or "
            f"set --config.data.split={GROUPED}/0 as well"
        )
    # Parsed again, as that refuses numbers that are out of range.
    chosen = [parse_split(str(dataclasses.replace(own, fold=int(number)))) for number in dict.fromkeys(numbers)]
    return [split for split in chosen if isinstance(split, FoldSplit)]


def with_fold(experiment: Experiment, split: FoldSplit) -> Experiment:
    """Returns the experiment with this fold held out.

    If it validates on a fold, then on the next one of the same kind now, so that no fold is chosen by its own scenes.
    """
    data = experiment.data
    validation = data.validation
    if validation is not None and isinstance(parse_split(validation), FoldSplit):
        folds = split.folds if isinstance(split, GroupedFold) else FOLDS
        validation = str(dataclasses.replace(split, fold=(split.fold + 1) % folds))
    changed = dataclasses.replace(data, split=str(split), validation=validation)
    return dataclasses.replace(experiment, data=changed)


def fold_folder(split: FoldSplit) -> str:
    """Returns the name of the folder that a fold is trained in; folds of another kind or number never share it."""
    return FOLDER + str(split).replace("/", "_")


def train_folds(
    experiment: Experiment,
    splits: Sequence[FoldSplit],
    workdir: Path,
    *,
    data_dir: Path | None = None,
    profile: range = range(0),
) -> list[Path]:
    """Trains the experiment without each of the folds in turn, and returns their folders, `workdir/fold_grouped_0` say.

    A fold that was finished before is left as it is; one that was interrupted goes on. See `run_experiment` for the
    other arguments and for errors. Fewer folders come back when another process of the training was interrupted.

    UserError, before anything is trained, if no evaluator scores what a report of the folds is made of.
    """
    if not any(evaluator.kind == "frames" and evaluator.part == "test" for evaluator in experiment.train.evaluators):
        raise UserError("--folds: no evaluator of kind 'frames' scores test scenes: add one to train.evaluators")
    folders = []
    for split in splits:
        folder, of_fold = workdir / fold_folder(split), with_fold(experiment, split)
        if is_finished(folder, of_fold):
            print(f"{folder}: {split} was finished before", file=sys.stderr)
        else:
            print(f"{folder}: {split}", file=sys.stderr)
            if not run_experiment(of_fold, folder, data_dir=data_dir, profile=profile):
                break
        folders.append(folder)
    return folders
