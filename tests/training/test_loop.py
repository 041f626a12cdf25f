import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.postprocess import ConfidenceGate, describe_rule
from jvlgs_jax.interop.model_folder import CALIBRATION, save_rule
from jvlgs_jax.interop.weight_files import read_weights
from jvlgs_jax.training import loop, regime
from jvlgs_jax.training.chips import Chip
from jvlgs_jax.training.config import EvaluatorConfig
from jvlgs_jax.training.optimizer import OptimizerConfig
from training.toy import DATA, FROZEN, KILLED_CONFIG, ToyNetwork, toy_config, toy_train
from training.two_processes import interrupting_after

TESTS = Path(__file__).parents[1]


def weights(workdir: Path, name: str = "model") -> dict[str, np.ndarray]:
    return read_weights(workdir / name / "weights.safetensors")


def record(workdir: Path) -> list[dict]:
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def saved(workdir: Path) -> list[str]:
    return sorted(path.name for path in (workdir / "checkpoints").iterdir() if path.is_dir())


def assert_same_training(one: Path, other: Path) -> None:
    assert record(one) == record(other)
    for name in ("scores.json", "scores_best.json"):
        assert (one / name).exists() == (other / name).exists()
        assert not (one / name).exists() or (one / name).read_text() == (other / name).read_text()
    for name in ("model", "model_best"):
        assert (one / name).exists() == (other / name).exists()
        expected = weights(other, name) if (other / name).exists() else {}
        for path, value in expected.items():
            np.testing.assert_array_equal(weights(one, name)[path], value, err_msg=f"{name} {path}")


def run_until_killed(workdir: Path, save: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "training.toy", str(workdir), str(save)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workdir of the training that is never killed."""
    workdir = tmp_path_factory.mktemp("straight")
    toy_train(workdir, KILLED_CONFIG)
    return workdir


@pytest.mark.slow
def test_killed_during_a_save_and_run_again_ends_the_same(straight: Path, tmp_path: Path):
    process = run_until_killed(tmp_path, 60)
    assert process.wait(timeout=120) == -signal.SIGKILL
    left = saved(tmp_path)
    assert any(name.startswith("60.") for name in left)
    assert "60" not in left
    toy_train(tmp_path, KILLED_CONFIG)
    assert_same_training(tmp_path, straight)


@pytest.mark.slow
def test_the_model_makes_masks_by_the_gate_that_its_scores_are_of(tmp_path: Path):
    def rules() -> list[dict]:
        return [json.loads((tmp_path / name / "model.json").read_text())["rule"] for name in ("checkpoints", "model")]

    strict, lenient = ConfidenceGate(high=0.9, kernel=5), ConfidenceGate(high=0.4)
    toy_train(tmp_path, toy_config(steps=1), gate=strict)
    assert rules() == [describe_rule(strict)] * 2
    toy_train(tmp_path, toy_config(steps=1), gate=lenient)  # the same training, judged otherwise
    assert rules() == [describe_rule(lenient)] * 2


@pytest.mark.slow
def test_the_model_looks_at_videos_at_the_sizes_that_its_scores_are_of(tmp_path: Path):
    toy_train(tmp_path, toy_config(steps=1), data=replace(DATA, inference_size=(64, 96), coarse_size=(32, 32)))
    told = [json.loads((tmp_path / name / "model.json").read_text()) for name in ("checkpoints", "model")]
    assert [(each["input_size"], each["coarse_size"]) for each in told] == [([64, 96], [32, 32])] * 2


@pytest.mark.slow
def test_the_same_command_again_keeps_what_the_model_was_calibrated_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    toy_train(tmp_path, toy_config(steps=1))
    calibrated = describe_rule(ConfidenceGate(high=0.9))
    save_rule(tmp_path / "model", calibrated)
    (tmp_path / "model" / CALIBRATION).write_text("{}")
    toy_train(tmp_path, toy_config(steps=1))
    assert json.loads((tmp_path / "model" / "model.json").read_text())["rule"] == calibrated
    assert (tmp_path / "model" / CALIBRATION).is_file()
    assert "model: left with the rule that it was calibrated to since" in capsys.readouterr().err
    toy_train(tmp_path, toy_config(steps=2))  # other weights: what it was calibrated to is no more
    assert json.loads((tmp_path / "model" / "model.json").read_text())["rule"] == describe_rule(ConfidenceGate())
    assert not (tmp_path / "model" / CALIBRATION).exists()


@pytest.mark.slow
def test_a_longer_training_goes_on_where_the_shorter_one_ended(tmp_path: Path):
    toy_train(tmp_path / "straight", toy_config(steps=6))
    toy_train(tmp_path / "stopped", toy_config(steps=3))
    toy_train(tmp_path / "stopped", toy_config(steps=6))
    expected = weights(tmp_path / "straight")
    for path, value in weights(tmp_path / "stopped").items():
        np.testing.assert_array_equal(value, expected[path], err_msg=path)
    with pytest.raises(UserError, match=r"train\.steps is 5, but this training is at step 6"):
        toy_train(tmp_path / "stopped", toy_config(steps=5))


@pytest.mark.slow
def test_resume_goes_on_exactly_in_a_new_workdir(tmp_path: Path):
    toy_train(tmp_path / "straight", toy_config(steps=6))
    toy_train(tmp_path / "first", toy_config(steps=3))
    toy_train(tmp_path / "second", toy_config(steps=6, resume=str(tmp_path / "first")))
    expected = weights(tmp_path / "straight")
    for path, value in weights(tmp_path / "second").items():
        np.testing.assert_array_equal(value, expected[path], err_msg=path)


@pytest.mark.slow
def test_init_from_takes_weights_alone(tmp_path: Path):
    still = OptimizerConfig(learning_rate=1e-30)
    toy_train(tmp_path / "first", toy_config(steps=4))
    toy_train(tmp_path / "second", toy_config(steps=1, init_from=(str(tmp_path / "first" / "model"),), optimizer=still))
    assert record(tmp_path / "second")[0]["step"] == 0
    first, second = weights(tmp_path / "first"), weights(tmp_path / "second")
    np.testing.assert_array_equal(second["head/kernel"], first["head/kernel"])
    # Once there is a checkpoint it goes first, so what init_from names need not exist any more.
    toy_train(tmp_path / "second", toy_config(steps=2, init_from=(str(tmp_path / "gone"),), optimizer=still))


@pytest.mark.slow
def test_scores_the_model_beside_the_baselines(tmp_path: Path):
    test = EvaluatorConfig(every=30, baselines=True)
    config = toy_config(steps=60, evaluators=(test,), optimizer=OptimizerConfig(learning_rate=3e-2))
    (last,) = toy_train(tmp_path, config)
    scores = last.found["test"].scores
    assert list(scores) == ["model", "mog2", "background_difference", "temporal_median"]
    assert scores["model"].jvlgs.j > 0.3  # a bright square
    saved = json.loads((tmp_path / "scores.json").read_text())
    assert (saved["selection"], saved["step"]) == ("last", 60)
    assert set(saved["evaluators"]["test"]["methods"]) == set(scores)
    evaluated = {line["step"]: line for line in record(tmp_path) if "test/jvlgs_j" in line}
    assert list(evaluated) == [30, 60]
    assert evaluated[60]["test/jvlgs_j"] == pytest.approx(scores["model"].jvlgs.j)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_stops_and_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    toy_train(tmp_path, toy_config(steps=2))
    initial = ToyNetwork.__call__

    def broken(self, clip, text):
        output = initial(self, clip, text)
        return output._replace(logits=output.logits * np.nan)

    monkeypatch.setattr(ToyNetwork, "__call__", broken)
    with pytest.raises(UserError, match=r"bce is nan at step 2.*learning_rate.*no checkpoint is good, it begins anew"):
        toy_train(tmp_path, toy_config(steps=8))
    assert saved(tmp_path) == ["2.diverged"]


@pytest.mark.slow
def test_a_training_that_diverged_goes_on_from_a_state_whose_loss_was_finite(tmp_path: Path):
    """After one step at this rate the kernels are as large as 1e38: finite, but the loss is not."""
    wild = OptimizerConfig(learning_rate=1e38, frozen=FROZEN, ema_decay=0.9)
    toy_train(tmp_path, toy_config(steps=2))
    with pytest.raises(UserError, match=r"is (nan|inf) at step 3.*the last good checkpoint is 2$"):
        toy_train(tmp_path, toy_config(steps=6, save_every=1, optimizer=wild))
    assert saved(tmp_path) == ["2", "3.diverged"]
    with pytest.raises(UserError, match=r"is (nan|inf) at step 3.*the last good checkpoint is 2$"):  # its last step
        toy_train(tmp_path, toy_config(steps=3, optimizer=wild))
    assert saved(tmp_path) == ["2", "3.diverged"]
    assert {line["step"] for line in record(tmp_path)} == {0, 1, 2}
    before = weights(tmp_path)
    assert all(np.abs(value).max() < 1e6 for value in before.values())
    toy_train(tmp_path, toy_config(steps=3))
    assert any((before[path] != value).any() for path, value in weights(tmp_path).items())
    assert saved(tmp_path) == ["2", "3", "3.diverged"]


@pytest.mark.slow
def test_ctrl_c_saves_and_the_next_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    toy_train(tmp_path / "straight", toy_config(steps=6, save_every=100))
    monkeypatch.setattr(regime, "make_train_step", interrupting_after(3, regime.make_train_step, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        toy_train(tmp_path / "stopped", toy_config(steps=6, save_every=100))
    monkeypatch.undo()
    assert "saved at step 3" in capsys.readouterr().err
    assert not (tmp_path / "stopped" / "model").exists()
    toy_train(tmp_path / "stopped", toy_config(steps=6, save_every=100))
    assert_same_training(tmp_path / "stopped", tmp_path / "straight")


@pytest.mark.slow
def test_precision_and_remat_are_chosen_by_name(tmp_path: Path):
    toy_train(tmp_path, toy_config(steps=2, precision="bfloat16", remat="dots"))
    assert all(x.dtype == np.float32 for path, x in weights(tmp_path).items() if not path.endswith("count"))
    with pytest.raises(UserError, match="unknown precision 'half': the choices are float32, bfloat16"):
        toy_config(precision="half")
    with pytest.raises(UserError, match="unknown remat 'all': the choices are none, full, dots"):
        toy_config(remat="all")


@pytest.mark.slow
def test_a_known_chip_has_its_utilisation_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    work = []
    for peak in (1e12, 2e12):
        monkeypatch.setattr(loop, "chip_of_kind", lambda kind, peak=peak: Chip(kind=kind, memory=1, peak_flops=peak))
        toy_train(tmp_path / f"{peak}", toy_config(steps=2, log_every=1, evaluators=(), remat="none"))
        timed = [json.loads(line) for line in (tmp_path / f"{peak}" / "timing.jsonl").read_text().splitlines()]
        of = next(line for line in timed if "speed/model_flops_utilisation" in line)
        # a clip has the same work however fast it is done
        work.append(of["speed/model_flops_utilisation"] * peak / of["speed/clips_per_second"])
    assert work[0] == pytest.approx(work[1])
    assert work[0] > 1e6
