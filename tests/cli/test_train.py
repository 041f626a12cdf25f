import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from jvlgs_jax.cli import train as cli_train
from jvlgs_jax.cli.main import main
from jvlgs_jax.data.clip_source import ClipSource
from jvlgs_jax.runs import experiment_run
from jvlgs_jax.training import processes
from jvlgs_jax.training.evaluators.findings import Findings
from jvlgs_jax.training.outcome import JudgedModel

CONFIG = """
from jvlgs_jax.experiment import Experiment, to_config_dict
from jvlgs_jax.models.jvlgs import JvlgsConfig


def get_config():
    config = to_config_dict(Experiment(model=JvlgsConfig.tiny()))
    config.data.split = "hold_out:b"
    return config
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.py"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    for scene in ("a", "b"):
        for folder, name, level in (("images", "0001.jpg", 9), ("masks", "0001.png", 0)):
            (tmp_path / "data" / scene / folder).mkdir(parents=True)
            cv2.imwrite(str(tmp_path / "data" / scene / folder / name), np.full((32, 32), level, np.uint8))
    return tmp_path / "data"


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """What the loop is called with, in place of training."""
    calls = []

    def train(model, prompts, sources, held_out, **settings):
        recorded = [source for source in sources if isinstance(source, ClipSource)]
        scenes = [scene.name for source in recorded for scene in source.reader.scenes]
        parts = {"held_out": held_out.test, "validation": held_out.validation}
        names = {
            "sources": sources,
            "scenes": scenes,
            **{part: [scene.name for scene in of] for part, of in parts.items()},
        }
        calls.append({**settings, **names})
        settings["workdir"].mkdir(exist_ok=True)
        settings["begun"]()
        return []

    monkeypatch.setattr(experiment_run, "train", train)
    monkeypatch.setattr(experiment_run, "Jvlgs", lambda config, *, rngs: None)  # random weights take a while to make
    return calls


def test_trains_what_the_config_and_the_overrides_say(
    config: Path, data_dir: Path, tmp_path: Path, trainings: list[dict]
):
    workdir = tmp_path / "run"
    arguments = ["train", f"--config={config}", f"--workdir={workdir}", "--config.train.steps=7", "--config.seed=3"]
    assert main([*arguments, f"--data-dir={data_dir}"]) == 0
    (training,) = trainings
    assert (training["scenes"], training["held_out"]) == (["a"], ["b"])
    assert (training["config"].steps, training["seed"], training["workdir"]) == (7, 3, workdir)
    assert json.loads((workdir / "config.json").read_text())["train"]["steps"] == 7


def test_simulated_clips_need_no_data_on_disk(
    config: Path, tmp_path: Path, trainings: list[dict], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    lines = ("config.data.root = None", "config.data.split = 'all'", "config.simulated = (SimulatedClips(clips=5),)")
    added = "".join(f"\n    {line}" for line in (*lines, "return"))
    imported = "from jvlgs_jax.simulation.training_source import SimulatedClips\n"
    config.write_text(imported + config.read_text().replace("\n    return", added))
    monkeypatch.setenv("JVLGS_DATA_DIR", "/nowhere/at/all")
    arguments = ["train", f"--config={config}", f"--workdir={tmp_path / 'run'}"]
    assert main(arguments) == 0
    (source,) = trainings[0]["sources"]
    assert source.simulated.clips == 5
    assert json.loads((tmp_path / "run" / "config.json").read_text())["simulated"][0]["family"]["size"] == [240, 320]
    assert main([*arguments, f"--data-dir={tmp_path}"]) == 2
    assert "the config sets data.root to None" in capsys.readouterr().err


def test_the_data_folder_may_come_from_the_environment_or_the_config(
    config: Path, data_dir: Path, tmp_path: Path, trainings: list[dict], monkeypatch: pytest.MonkeyPatch
):
    arguments = ["train", f"--config={config}", f"--workdir={tmp_path / 'run'}"]
    monkeypatch.setenv("JVLGS_DATA_DIR", str(data_dir))
    assert main(arguments) == 0
    monkeypatch.delenv("JVLGS_DATA_DIR")
    assert main([*arguments, f"--config.data.root={data_dir}"]) == 0
    assert len(trainings) == 2


def test_what_the_loop_is_told_beside_the_config(config: Path, data_dir: Path, tmp_path: Path, trainings: list[dict]):
    workdir = tmp_path / "run"
    arguments = ["train", f"--config={config}", f"--workdir={workdir}", f"--data-dir={data_dir}", "--profile=3..5"]
    assert main([*arguments, "--config.data.split=all", "--config.data.validation=hold_out:b"]) == 0
    (training,) = trainings
    assert (training["held_out"], training["validation"], training["profile"]) == ([], ["b"], range(3, 5))
    assert training["about"] == json.loads((workdir / "config.json").read_text())


def test_the_scores_of_each_model_are_printed_with_its_selection(
    config: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    found = {"quick": Findings(metrics={"loss": 0.25, "pooled_iou": 0.5})}
    judged = [JudgedModel(selection=name, step=4, found=found) for name in ("last", "best-on-validation")]
    monkeypatch.setattr(experiment_run, "train", lambda *arguments, **settings: judged)
    (tmp_path / "run").mkdir()
    assert main(["train", f"--config={config}", f"--workdir={tmp_path / 'run'}", f"--data-dir={data_dir}"]) == 0
    printed = capsys.readouterr().out
    assert "last (step 4), evaluator quick\nloss 0.2500  pooled_iou 0.5000" in printed
    assert "best-on-validation (step 4), evaluator quick" in printed


def test_the_help_names_the_variables_that_are_read():
    names = (cli_train.COORDINATOR, cli_train.COUNT, cli_train.INDEX, cli_train.AUTOMATIC)
    assert names == (processes.COORDINATOR, processes.COUNT, processes.INDEX, processes.AUTOMATIC)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--profile=9", "--profile=9: give two step numbers"),
        ("--processes=2", "--coordinator=HOST:PORT"),
        ("--config.train.stesp=7", "did you mean 'train.steps'?"),
        ("--workdri=x", "unknown argument '--workdri=x'"),
        ("--data-dir=/nowhere/at/all", "/nowhere/at/all: no such folder"),
        ("--config.data.split=hold_out:c", "unknown scenes to hold out: 'c'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    config: Path, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture, argument: str, message: str
):
    workdir = tmp_path / "run"
    code = main(["train", f"--config={config}", f"--workdir={workdir}", f"--data-dir={data_dir}", argument])
    error = capsys.readouterr().err.strip()
    assert code == 2
    assert message in error
    assert len(error.splitlines()) == 1
    assert not workdir.exists()
