import json
import sys
import types

import cv2
import numpy as np
import pytest

from jvlgs_jax.cli.main import main
from jvlgs_jax.data.records.prepare import prepare
from jvlgs_jax.evaluation.baselines import BASELINES
from jvlgs_jax.evaluation.records import load_records
from jvlgs_jax.inference.postprocess import mask_rule


@pytest.fixture
def dataset(tmp_path):
    """Two scenes in the JVLGS layout; a square of gas in the later frames."""
    root = tmp_path / "dataset"
    for name in ("yard", "tank"):
        for kind in ("images", "masks"):
            (root / name / kind).mkdir(parents=True)
        for index in range(4):
            mask = np.zeros((32, 48), np.uint8)
            mask[8:24, 10:30] = 255 * (index > 1)
            cv2.imwrite(str(root / name / "images" / f"{index:03d}.jpg"), 100 + mask // 3)
            cv2.imwrite(str(root / name / "masks" / f"{index:03d}.png"), mask)
    return root


@pytest.fixture
def bright_is_gas(monkeypatch):
    """Replaces the loading of a model, and its running, by a threshold on brightness."""

    class Segmenter:
        def __init__(self, bundle):
            assert bundle is model

        def probabilities(self, frames):
            for frame in frames:
                yield (frame[..., 0] > 140).astype(np.float32)

    def module(name, **members):
        fake = types.ModuleType(name)
        vars(fake).update(members)
        monkeypatch.setitem(sys.modules, name, fake)

    model = types.SimpleNamespace(prompts=("white steam",))
    module("jvlgs_jax.cli.model_choice", choose_model=lambda args: (model, mask_rule(args.rule or "confidence_gate")))
    module("jvlgs_jax.interop.fingerprint", fingerprint=lambda bundle: "0123456789abcdef" * 4)
    module("jvlgs_jax.inference.segmenter", Segmenter=Segmenter)


def evaluate(dataset, output, *more):
    return main(["evaluate", "--checkpoint", "model", "--data-dir", str(dataset), "--output", str(output), *more])


def test_it_writes_records_and_scores_and_prints_them(dataset, tmp_path, bright_is_gas, capsys):
    output = tmp_path / "new" / "results"
    assert evaluate(dataset, output, "--baselines") == 0
    records = load_records(output / "records.csv")
    assert list(records) == ["model", "mog2", "background_difference", "temporal_median"]
    assert [(row.scene, row.frame) for row in records["model"]] == [(s, i) for s in ("tank", "yard") for i in range(4)]
    scores = json.loads((output / "scores.json").read_text())
    assert scores["model"]["jvlgs"]["j"] > 0.8
    printed = capsys.readouterr().out
    assert "false alarms" in printed
    assert "background_difference" in printed


def test_scenes_can_be_chosen(dataset, tmp_path, bright_is_gas):
    assert evaluate(dataset, tmp_path, "--scenes", "yard") == 0
    assert {row.scene for row in load_records(tmp_path / "records.csv")["model"]} == {"yard"}


def test_a_prepared_dataset_and_a_split_can_be_named(dataset, tmp_path, bright_is_gas):
    prepare("gas_folder", manual_dir=dataset, data_dir=tmp_path / "data")
    place = ("--dataset", "gas_folder", "--split", "hold_out:tank")
    assert evaluate(tmp_path / "data", tmp_path / "scores", *place) == 0
    assert [row.scene for row in load_records(tmp_path / "scores" / "records.csv")["model"]] == ["tank"] * 4


def test_the_rule_can_be_chosen(dataset, tmp_path, bright_is_gas):
    assert evaluate(dataset, tmp_path, "--rule", "minmax_opening") == 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--scenes", "yrad"), "no scene or group 'yrad' in this dataset (nearest: 'yard')"),
        (("--layout", "simgass"), "unknown layout 'simgass'"),
        (("--rule", "minmax"), "unknown rule 'minmax': the choices are confidence_gate, minmax_opening"),
        (("--split", "grouped/9"), "split 'grouped/9': the folds are 0 to 4"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(dataset, tmp_path, capsys, more, words):
    assert evaluate(dataset, tmp_path, *more) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_an_output_that_is_a_file_is_refused(dataset, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert evaluate(dataset, tmp_path / "file") == 2
    assert "cannot write here" in capsys.readouterr().err


def suite(path, output):
    return main(["evaluate", "--checkpoint", "model", "--suite", str(path), "--output", str(output)])


def test_a_suite_scores_every_dataset_and_names_those_it_cannot(dataset, tmp_path, bright_is_gas, capsys):
    datasets = [{"name": "site", "path": "dataset"}, {"name": "lost", "path": "nowhere"}]
    (tmp_path / "suite.json").write_text(json.dumps({"datasets": datasets}))
    output = tmp_path / "out"
    assert suite(tmp_path / "suite.json", output) == 2
    printed = capsys.readouterr()
    assert "1 of 2 datasets could not be scored: lost (" in printed.err
    assert printed.err.count("\n") == 1
    assert "prompts: white steam" in printed.out
    assert "| temporal_median " in printed.out
    assert sorted(path.name for path in output.iterdir()) == ["site", "suite.csv", "suite.json", "suite.md"]
    assert load_records(output / "site" / "records.csv").keys() == {"model", *BASELINES}
    assert "Left out: lost: " in (output / "suite.md").read_text()
    (tmp_path / "nowhere").symlink_to(dataset)
    assert suite(tmp_path / "suite.json", output) == 0
    assert "site: scored before\nlost: 2 videos\n" in capsys.readouterr().out


def test_a_suite_may_hold_its_own_results(dataset, bright_is_gas, capsys):
    root = dataset.parent
    for _ in range(2):
        assert suite(root, root / "out") == 0
    assert "dataset: scored before\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--data-dir", "data", "--output", "out"), "--suite says which data to score on: leave --data-dir out"),
        (("--split", "all", "--output", "out"), "--suite says which data to score on: leave --split out"),
        (("--layout", "cgd", "--output", "out"), "--suite says which data to score on: leave --layout out"),
        (("--threshold", "0", "--output", "out"), "--suite says which data to score on: leave --threshold out"),
        ((), "--output=PATH is missing"),
    ],
)
def test_a_suite_goes_with_its_own_arguments_only(tmp_path, capsys, more, words):
    assert main(["evaluate", "--checkpoint", "model", "--suite", str(tmp_path), *more]) == 2
    assert words in capsys.readouterr().err
