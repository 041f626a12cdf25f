"""Scores over folds: of models that were each trained without another part of one dataset, and scored on that part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.evaluator import MODEL
from jvlgs_jax.evaluation.records import FrameRecord
from jvlgs_jax.evaluation.report import Scores, as_json, scene_table, score, table

ALL_FOLDS = "all folds"


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """The scores of one method.

    Attributes:
        overall: of all folds together, each convention with its own mean: `jvlgs` over the frames of a fold, then over
            folds; `davis` and `langgas` over all scenes; the rates of `alarms` over all frames.
        folds: of each fold by name, as if it were the only one.
        scenes: of all scenes, each for itself in `parts` under every convention.
    """

    overall: Scores
    folds: Mapping[str, Scores]
    scenes: Scores


def cross_validation(folds: Mapping[str, Mapping[str, Sequence[FrameRecord]]]) -> dict[str, CrossValidation]:
    """Returns the scores of each method, "model" and the baselines, from its records in each fold.

    UserError for a scene that two folds score, and for a method that some fold lacks.
    """
    fold_of = _fold_of_each_scene(folds)
    methods = {name: set(records) for name, records in folds.items()}
    shared = set.intersection(*methods.values())
    for name, of_fold in methods.items():
        if of_fold != shared:
            raise UserError(f"fold {name} also scores {', '.join(sorted(of_fold - shared))}: evaluate all folds alike")
    first = next(iter(folds.values()))
    return {method: _of_method({name: of[method] for name, of in folds.items()}, fold_of) for method in first}


def fold_tables(scores: Mapping[str, CrossValidation]) -> str:
    """Returns the tables to read: all methods over all folds, the model by fold and by video, and what J and F mean."""
    model = scores[MODEL]
    return "\n\n".join(
        (
            f"{ALL_FOLDS}\n{table({method: of.overall for method, of in scores.items()})}",
            f"{MODEL}, by fold\n{table({**model.folds, ALL_FOLDS: model.overall})}",
            f"{MODEL}, by video\n{scene_table(model.scenes)}",
            str(model.overall),
        )
    )


def folds_as_json(scores: Mapping[str, CrossValidation]) -> dict[str, Any]:
    """Returns {method: {"all folds": scores, "folds": {fold: scores}, "scenes": scores}} for JSON; nan becomes None."""
    return {
        method: {
            **as_json({ALL_FOLDS: of.overall}),
            "folds": as_json(of.folds),
            "scenes": as_json({method: of.scenes})[method],
        }
        for method, of in scores.items()
    }


def _of_method(folds: Mapping[str, Sequence[FrameRecord]], fold_of: Mapping[str, str]) -> CrossValidation:
    together = [record for records in folds.values() for record in records]
    return CrossValidation(
        overall=score(together, fold_of),
        folds={name: score(records, fold_of) for name, records in folds.items()},
        scenes=score(together),
    )


def _fold_of_each_scene(folds: Mapping[str, Mapping[str, Sequence[FrameRecord]]]) -> dict[str, str]:
    fold_of: dict[str, str] = {}
    for name, methods in folds.items():
        for scene in sorted({record.scene for records in methods.values() for record in records}):
            if scene in fold_of:
                raise UserError(f"folds {fold_of[scene]} and {name} both score scene {scene}: give each fold once")
            fold_of[scene] = name
    return fold_of
