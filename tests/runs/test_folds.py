import dataclasses
import json
import signal

import pytest

from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.errors import UserError
from jvlgs_jax.experiment import Experiment
from jvlgs_jax.runs import folds
from jvlgs_jax.runs.experiment_run import stored_experiment
from jvlgs_jax.runs.fold_report import report_folds
from jvlgs_jax.runs.folds import fold_folder, parse_folds, train_folds, with_fold
from jvlgs_jax.training.config import EvaluatorConfig


def named(choice, split):
    return [str(fold) for fold in parse_folds(choice, DataConfig(split=split))]


def test_folds_are_chosen_by_kind_or_by_number():
    assert named("published", "all") == [f"published/{fold}" for fold in range(5)]
    assert named("grouped", "published/3") == [f"grouped/{fold}" for fold in range(5)]
    assert named("grouped", "grouped/0of3") == ["grouped/0of3", "grouped/1of3", "grouped/2of3"]
    assert named("2,0,2", "grouped/1of3") == ["grouped/2of3", "grouped/0of3"]
    assert named("4", "published/0") == ["published/4"]


@pytest.mark.parametrize(
    ("choice", "split", "message"),
    [
        ("goruped", "all", "'goruped' names no folds: use published, grouped or numbers"),
        ("0,2", "hold_out:a", "data.split is 'hold_out:a', which has no folds: use --folds=grouped"),
        ("3", "grouped/0of3", "split 'grouped/3of3': the folds are 0 to 2"),
    ],
)
def test_what_names_no_fold_is_refused(choice, split, message):
    with pytest.raises(UserError, match=message):
        parse_folds(choice, DataConfig(split=split))


def test_folds_of_two_kinds_have_folders_of_their_own():
    of = [fold_folder(fold) for kind in ("published", "grouped") for fold in parse_folds(kind, DataConfig(split="all"))]
    assert len(set(of)) == 10
    assert fold_folder(parse_folds("2", DataConfig(split="grouped/0of3"))[0]) == "fold_grouped_2of3"
    assert "fold_grouped_2" in of


def test_the_validation_fold_moves_along():
    experiment = Experiment(data=DataConfig(split="grouped/0of3", validation="grouped/1of3"))
    of = [with_fold(experiment, fold).data for fold in parse_folds("grouped", experiment.data)]
    assert [(data.split, data.validation) for data in of] == [
        ("grouped/0of3", "grouped/1of3"),
        ("grouped/1of3", "grouped/2of3"),
        ("grouped/2of3", "grouped/0of3"),
    ]
    for kept in (None, "hold_out:x"):
        alike = dataclasses.replace(experiment, data=DataConfig(split="grouped/0", validation=kept))
        assert with_fold(alike, parse_folds("2", alike.data)[0]).data.validation == kept


CHOICE = EvaluatorConfig(name="choice", part="validation", every=2)


@pytest.mark.parametrize("evaluators", [(CHOICE,), (EvaluatorConfig(kind="batches"), CHOICE)])
def test_folds_that_nothing_would_be_reported_of_are_not_trained(experiment, tmp_path, evaluators):
    silent = dataclasses.replace(experiment, train=dataclasses.replace(experiment.train, evaluators=evaluators))
    with pytest.raises(UserError, match="--folds: no evaluator of kind 'frames' scores test scenes: add one to train"):
        train_folds(silent, parse_folds("grouped", silent.data), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_folds_are_trained_in_turn_go_on_after_an_interruption_and_end_in_one_report(
    experiment, tmp_path, monkeypatch, capsys
):
    trained = []
    run_experiment = folds.run_experiment

    def counted(of_fold, workdir, **settings):
        trained.append(workdir.name)
        judged = run_experiment(of_fold, workdir, **settings)
        if len(trained) == 2:
            signal.raise_signal(signal.SIGINT)  # between two folds
        return judged

    monkeypatch.setattr(folds, "run_experiment", counted)
    splits = parse_folds("grouped", experiment.data)
    with pytest.raises(KeyboardInterrupt):
        train_folds(experiment, splits, tmp_path)
    folders = train_folds(experiment, splits, tmp_path)
    assert trained == ["fold_grouped_0of3", "fold_grouped_1of3", "fold_grouped_2of3"]
    assert "fold_grouped_0of3: grouped/0of3 was finished before" in capsys.readouterr().err
    assert stored_experiment(folders[2]).data.split == "grouped/2of3"

    # Each of the three scenes was held out once and chosen by once.
    last, best = report_folds(folders).results
    assert (last.selection, best.selection) == ("last", "best-on-validation")
    assert set(last.steps.items()) == {(f"grouped/{fold}of3", 4) for fold in range(3)}
    scores = last.methods["model"]
    assert sorted(scores.scenes.davis.parts) == ["a", "b", "c"]
    for folder, of_fold in zip(folders, scores.folds.values(), strict=True):
        found = json.loads((folder / "scores.json").read_text())["evaluators"]["test"]["metrics"]
        assert found["davis_j"] == of_fold.davis.j
    assert scores.overall.davis.j == pytest.approx(sum(of.davis.j for of in scores.folds.values()) / 3)

    # Another experiment in the same folder is not taken for finished.
    longer = dataclasses.replace(experiment, train=dataclasses.replace(experiment.train, steps=5))
    train_folds(longer, splits[:1], tmp_path)
    assert trained[3:] == ["fold_grouped_0of3"]

    # Nor is a training that has seen the scenes that another split holds out.
    with pytest.raises(UserError, match=r"data\.split 'grouped/0of3', but this config says 'grouped/1of3'"):
        run_experiment(with_fold(experiment, splits[1]), folders[0])
    assert stored_experiment(folders[0]) == with_fold(longer, splits[0])  # what was refused leaves no trace
