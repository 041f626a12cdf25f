"""Scores a model on every dataset of a suite, one after the other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jvlgs_jax.data.scene import Scene
from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.baselines import BASELINES
from jvlgs_jax.evaluation.evaluator import Evaluation, ProbabilitySource, evaluate
from jvlgs_jax.evaluation.suite import SuiteDataset
from jvlgs_jax.evaluation.suite_results import DatasetResult, load_result, save_result
from jvlgs_jax.inference.postprocess import MaskRule


@dataclass(frozen=True, kw_only=True)
class SuiteOutcome:
    """What became of each dataset.

    Attributes:
        results: of the datasets that could be scored, in the order of the suite.
        failures: why the others could not, by name.
    """

    results: Sequence[DatasetResult]
    failures: Mapping[str, str]


def run_suite(
    datasets: Sequence[SuiteDataset],
    segmenter: ProbabilitySource,
    rule: MaskRule,
    settings: Mapping[str, Any],
    output: Path,
    say: Callable[[str], None] = print,
) -> SuiteOutcome:
    """Scores each dataset into its own folder of `output`; what is there already is read instead.

    A dataset that cannot be read does not stop the others.

    Args:
        datasets: what to score on.
        segmenter: the model.
        rule: from its probabilities to masks.
        settings: what the model is and how it is run, as JSON's types: what is there already must agree with it.
        output: each dataset's results go to the folder of its name in here.
        say: told of each dataset, in one line.

    UserError, before anything is scored, where `output` holds results of other settings, or of a dataset whose files
    have changed since.
    """
    settings = {**settings, "baselines": list(BASELINES)}
    described = {
        dataset.name: {**settings, "dataset": _described(dataset), "state of the dataset": dataset.state()}
        for dataset in datasets
    }
    found = {name: load_result(output / name, of) for name, of in described.items()}
    results, failures = [], {}
    for dataset in datasets:
        result = found[dataset.name]
        if result is not None:
            say(f"{dataset.name}: scored before")
        else:
            try:
                result = _score(dataset, segmenter, rule, described[dataset.name])
            except UserError as error:
                failures[dataset.name] = str(error)
                say(f"{dataset.name}: left out ({error})")
                continue
            save_result(output / dataset.name, result)
            say(f"{dataset.name}: {len(result.frames_per_second)} videos{_left_out(result.unlabelled)}")
        results.append(result)
    return SuiteOutcome(results=results, failures=failures)


def _score(
    dataset: SuiteDataset, segmenter: ProbabilitySource, rule: MaskRule, settings: Mapping[str, Any]
) -> DatasetResult:
    scenes, unlabelled = dataset.scenes()
    records: dict[str, list] = {}
    seconds: dict[str, dict[str, float]] = {}
    frames_per_second = {}
    for number, scene in enumerate(scenes):
        if number == 0:
            _warm_up(segmenter, scene)
        evaluation = evaluate(segmenter, [scene], rule, BASELINES)
        for method, rows in evaluation.records.items():
            records.setdefault(method, []).extend(rows)
            seconds.setdefault(method, {}).update(evaluation.seconds[method])
        frames_per_second[scene.name] = scene.frames_per_second
    return DatasetResult(
        name=dataset.name,
        settings=settings,
        evaluation=Evaluation(records=records, seconds=seconds),
        frames_per_second=frames_per_second,
        unlabelled=unlabelled,
    )


def _warm_up(segmenter: ProbabilitySource, scene: Scene) -> None:
    """Compiles the network before its time is taken."""
    list(segmenter.probabilities(scene.frames[:1]))


def _described(dataset: SuiteDataset) -> dict[str, Any]:
    return {name: value for name, value in asdict(dataset).items() if name != "path"} | {
        "path": str(dataset.path.resolve())
    }


def _left_out(unlabelled: Sequence[str]) -> str:
    return f"; left out, as they have no truth: {', '.join(unlabelled)}" if unlabelled else ""
