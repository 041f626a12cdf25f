import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from fewshot.toy_tasks import DATA, learned, meta_config, meta_train, task_network, train_config
from jvlgs_jax.data.episodes import Episode
from jvlgs_jax.data.prompts import DEFAULT_PROMPTS, tokenize
from jvlgs_jax.errors import UserError
from jvlgs_jax.experiment import from_config_dict, load_experiment
from jvlgs_jax.fewshot import outer_loop
from jvlgs_jax.fewshot.meta_training import MetaTraining
from jvlgs_jax.fewshot.outer_loop import meta_gradient
from jvlgs_jax.interop.parameters import flatten
from jvlgs_jax.models.jvlgs import Jvlgs
from jvlgs_jax.training.config import EvaluatorConfig, SelectionConfig
from jvlgs_jax.training.optimizer import OptimizerConfig
from jvlgs_jax.training.program import training_program
from jvlgs_jax.training.text_features import TrainedPrompts

ROOT = Path(__file__).parents[2]


def record(workdir: Path) -> list[dict]:
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A meta-training of four steps, with a quick evaluator."""
    workdir = tmp_path_factory.mktemp("straight")
    evaluators = (
        EvaluatorConfig(name="held", kind="batches", part="validation"),
        EvaluatorConfig(name="adapted", kind="tasks", part="validation", every=2),
    )
    selection = SelectionConfig(evaluator="adapted", metric="loss", goal="lowest")
    meta_train(workdir, meta_config(), train_config(evaluators=evaluators, selection=selection))
    return workdir


@pytest.mark.slow
def test_the_main_loop_writes_its_record_its_scores_and_its_models(straight: Path):
    lines = record(straight)
    assert [line["step"] for line in lines if "support_loss" in line] == [0, 1, 2, 3]
    assert all(np.isfinite(line["loss"]) for line in lines if "loss" in line)
    assert [line["step"] for line in lines if "adapted/loss" in line] == [2, 4]
    scores = json.loads((straight / "scores.json").read_text())["evaluators"]
    assert scores["held"]["metrics"]["loss"] > 0
    assert scores["adapted"]["metrics"]["loss"] < scores["adapted"]["metrics"]["loss_before"]
    assert (straight / "model_best" / "weights.safetensors").exists()


@pytest.mark.slow
def test_adapted_and_other_parameters_learn_but_not_the_frozen_and_not_running_statistics(straight: Path):
    before, after = flatten(nnx.state(task_network())), learned(straight)
    moved = {path for path in after if not np.allclose(before[path], after[path], rtol=1e-5)}
    assert {"head/kernel", "levels/0/kernel", "norm/scale"} <= moved
    assert not moved & {"text_encoder/embedding", "norm/mean", "norm/var", "norm/count"}


@pytest.mark.slow
def test_an_interrupted_one_goes_on_to_the_same_end(straight: Path, tmp_path: Path):
    meta_train(tmp_path, meta_config(), train_config(steps=2))
    meta_train(tmp_path, meta_config(), train_config(steps=4))
    for path, value in learned(straight).items():
        np.testing.assert_array_equal(learned(tmp_path)[path], value, err_msg=path)
    losses = [[line["loss"] for line in record(folder) if "loss" in line] for folder in (straight, tmp_path)]
    assert losses[0] == losses[1]


@pytest.mark.slow
def test_devices_and_groups_of_tasks_change_nothing(tmp_path: Path):
    tests = ROOT / "tests"
    environment = {**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{tests / 'training'}"}
    command = [sys.executable, "-m", "fewshot.toy_tasks", str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("one_by_one", "eight"):
        for path, value in learned(tmp_path / "one").items():
            np.testing.assert_allclose(learned(tmp_path / name)[path], value, rtol=1e-4, atol=1e-5, err_msg=path)


@pytest.mark.slow
def test_one_program_serves_all_groups_of_tasks(monkeypatch: pytest.MonkeyPatch):
    traced = []
    monkeypatch.setattr(outer_loop, "meta_gradient", lambda *args: traced.append(args) or meta_gradient(*args))
    regime = MetaTraining(meta_config(abreast=1))  # two groups of one task
    program = training_program(task_network, DATA, train_config(), regime=regime)
    jax.eval_shape(program.step(TrainedPrompts(tokenize(DEFAULT_PROMPTS))), program.shapes, program.batch)
    assert len(traced) == 1


def test_tasks_that_the_devices_cannot_share_are_refused():
    with pytest.raises(UserError, match=r"meta\.abreast is 3, but a batch has 2 tasks: use a divisor"):
        meta_config(abreast=3)
    config = train_config(optimizer=OptimizerConfig(micro_batches=2))
    with pytest.raises(UserError, match=r"micro_batches cuts batches of clips: for tasks set meta\.abreast"):
        training_program(task_network, DATA, config, regime=MetaTraining(meta_config()))


@pytest.mark.slow
def test_the_config_fits_the_real_network():
    """The step is traced from shapes, and nothing is computed."""
    experiment = load_experiment(ROOT / "configs" / "meta_maml.py", ["--config.meta.inner.learning_rate=0.05"])
    assert experiment.meta is not None
    assert experiment.meta.inner.learning_rate == 0.05
    assert from_config_dict(json.loads(experiment.to_json())) == experiment
    program = training_program(
        lambda: Jvlgs(experiment.model, rngs=nnx.Rngs(0)),
        experiment.data,
        experiment.train,
        regime=MetaTraining(experiment.meta),
    )
    step = program.step(TrainedPrompts(tokenize(DEFAULT_PROMPTS)))
    assert isinstance(program.batch, Episode)
    state, metrics = jax.eval_shape(step, program.shapes, program.batch)
    assert metrics.keys() == {"loss", "support_loss", "gradient_norm"}
    assert jax.tree.map(jnp.shape, state.params) == jax.tree.map(jnp.shape, program.shapes.params)
