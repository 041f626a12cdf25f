import dataclasses
import json

import pytest

from jvlgs_jax.cli.main import main
from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.records import FrameRecord, save_records
from jvlgs_jax.experiment import Experiment
from jvlgs_jax.runs.fold_report import fold_folders, report_folds

EVALUATOR = {"kind": "frames", "part": "test", "scenes": [], "rule": "confidence_gate", "metrics": {}, "methods": {}}


def frame(scene, index, tp=0, fp=0, fn=0):
    return FrameRecord(scene, index, tp, fp, fn, 1000 - tp - fp - fn, 0.5, tp + fp, tp, tp + fn, tp)


def finish(folder, split, records, *, seed=0, selections=("last",)):
    """Writes what a finished training leaves."""
    experiment = Experiment(seed=seed, data=DataConfig(split=split))
    folder.mkdir(parents=True)
    for name in ("config.json", "finished.json"):
        (folder / name).write_text(experiment.to_json())
    for selection in selections:
        suffix = "" if selection == "last" else "_best"
        scores = {"selection": selection, "step": 7, "evaluators": {"test": EVALUATOR}}
        (folder / f"scores{suffix}.json").write_text(json.dumps(scores))
        (folder / f"records{suffix}").mkdir()
        save_records(folder / f"records{suffix}" / "test.csv", {"model": records})
    return folder


GOOD = [frame("a", 0), frame("a", 1, tp=50)]
BAD = [frame("b", 0, fp=10), frame("b", 1, fn=50)]


def test_folds_trained_by_separate_jobs_are_reported_together(tmp_path, capsys):
    one = finish(tmp_path / "monday", "grouped/0", GOOD, selections=("last", "best-on-test"))
    two = finish(tmp_path / "tuesday", "grouped/3", BAD, selections=("last", "best-on-test"))
    output = tmp_path / "folds.json"
    assert main(["folds", str(one), str(two), "--output", str(output)]) == 0
    printed = capsys.readouterr().out
    assert "last: the model of the last step, fixed before the training" in printed
    assert "best-on-test: the step with the best score on the very scenes scored here" in printed
    assert "2 of 5 folds: grouped/0 at step 7, grouped/3 at step 7" in printed
    assert "rule confidence_gate" in printed
    assert "then over 2 folds" in printed
    last, best = json.loads(output.read_text())["results"]
    assert last["methods"]["model"]["all folds"]["jvlgs"]["j"] == 0.5
    assert (last["selection"], best["selection"]) == ("last", "best-on-test")


def test_the_folder_of_all_folds_stands_for_them_and_unfinished_ones_are_named(tmp_path, capsys):
    names = ["fold_grouped_0of12", "fold_grouped_2of12", "fold_grouped_10of12"]
    for name in names:
        finish(tmp_path / name, name.removeprefix("fold_").replace("_", "/"), GOOD)
    assert [path.name for path in fold_folders(tmp_path)] == names
    first, second = fold_folders(tmp_path)[:2]
    (second / "finished.json").unlink()
    report = report_folds([first, second])
    assert report.unfinished == [second]
    assert "1 of 12 folds: grouped/0of12 at step 7" in str(report)
    assert f"not finished, left out: {second}" in str(report)


def test_a_model_that_not_every_fold_has_is_not_reported(tmp_path):
    one = finish(tmp_path / "one", "grouped/0", GOOD, selections=("last", "best-on-validation"))
    two = finish(tmp_path / "two", "grouped/1", BAD)
    assert [result.selection for result in report_folds([one, two]).results] == ["last"]


def test_folds_that_do_not_belong_together_are_refused(tmp_path):
    first = finish(tmp_path / "first", "grouped/0", GOOD)
    with pytest.raises(UserError, match="are of different experiments: seed is 0 and 1"):
        report_folds([first, finish(tmp_path / "other_seed", "grouped/1", BAD, seed=1)])
    with pytest.raises(UserError, match="hold out grouped/0 and grouped/1of3, folds of different kinds"):
        report_folds([first, finish(tmp_path / "other_kind", "grouped/1of3", BAD)])
    with pytest.raises(UserError, match="both hold out grouped/0: give each fold once"):
        report_folds([first, finish(tmp_path / "again", "grouped/0", BAD)])
    with pytest.raises(UserError, match="both score scene a"):
        report_folds([first, finish(tmp_path / "same_scene", "grouped/1", GOOD)])


def test_without_a_finished_fold_there_is_nothing_to_report(tmp_path, capsys):
    assert main(["folds", str(tmp_path)]) == 2
    assert "not the workdir of a training (config.json is missing)" in capsys.readouterr().err
    (finish(tmp_path / "fold_0", "grouped/0", GOOD) / "finished.json").unlink()
    assert main(["folds", str(tmp_path)]) == 2
    assert "no fold is finished: run the training again" in capsys.readouterr().err


def test_an_experiment_changed_after_it_was_finished_is_not_finished(tmp_path):
    folder = finish(tmp_path / "fold_0", "grouped/0", GOOD)
    changed = dataclasses.replace(Experiment(data=DataConfig(split="grouped/0")), seed=5)
    (folder / "config.json").write_text(changed.to_json())
    with pytest.raises(UserError, match="no fold is finished"):
        report_folds([folder])
