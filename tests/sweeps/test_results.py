import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.sweeps.progress import record_end
from jvlgs_jax.sweeps.results import collect, markdown, save
from jvlgs_jax.sweeps.trials import write_trials


def scores(selection: str, j: float | None) -> str:
    """A scores file of a training with an evaluator of frames and one of batches."""
    frames = {"kind": "frames", "metrics": {"jvlgs_j": j, "jvlgs_f": 0.5, "false_alarm_rate": 0.125}}
    evaluators = {"test": frames, "quick": {"kind": "batches", "metrics": {"loss": 1.0}}}
    return json.dumps({"selection": selection, "step": 9, "evaluators": evaluators})


def test_a_table_of_what_every_trial_set_and_found(sweep_of: Callable):
    sweep = sweep_of({"seed": 10}, {"seed": 2}, {"train.optimizer.learning_rate": 1e-3})
    write_trials(sweep)
    first, second, _ = (sweep.folder(trial) for trial in sweep.trials)
    (first / "scores.json").write_text(scores("last", 0.25))
    (first / "scores_best.json").write_text(scores("best-on-validation", None))
    record_end(first, 0)
    record_end(second, 2)
    results = collect(sweep.workdir)

    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown(results).splitlines()]
    header, _, *rows = lines
    assert header == [
        "trial", "seed", "train.optimizer.learning_rate", "state", "model", "evaluator",
        "jvlgs J", "jvlgs F", "false alarms",
    ]  # fmt: skip
    assert [row[1:] for row in rows] == [
        ["10", "", "finished", "last", "test", "0.2500", "0.5000", "0.1250"],
        ["10", "", "finished", "best-on-validation", "test", "n/a", "0.5000", "0.1250"],
        ["2", "", "failed", "n/a", "n/a", "n/a", "n/a", "n/a"],
        ["", "0.001", "waiting", "n/a", "n/a", "n/a", "n/a", "n/a"],
    ]

    save(results, sweep.workdir)
    assert (sweep.workdir / "results.md").read_text() == markdown(results) + "\n"
    with (sweep.workdir / "results.csv").open() as file:
        assert [row["jvlgs J"] for row in csv.DictReader(file)] == ["0.2500", "", "", ""]
    saved = json.loads((sweep.workdir / "results.json").read_text())
    assert (saved[0]["j"], saved[1]["j"], saved[3]["settings"]) == (0.25, None, {"train.optimizer.learning_rate": 1e-3})


def test_a_folder_without_trials_says_what_to_run(tmp_path: Path):
    with pytest.raises(UserError, match="holds no trials: run jvlgs sweep --config=FILE"):
        collect(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "trial.json").write_text("{")
    with pytest.raises(UserError, match=r"broken/trial\.json: not a trial of a sweep"):
        collect(tmp_path)
