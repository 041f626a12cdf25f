import shutil
from pathlib import Path

import pytest
from flax import nnx

from jvlgs_jax.errors import UserError
from jvlgs_jax.training import checkpoints
from jvlgs_jax.training.checkpoints import FOLDER
from jvlgs_jax.training.config import EvaluatorConfig
from jvlgs_jax.training.evaluators import follow as follow_module
from jvlgs_jax.training.evaluators.findings import HeldOut
from jvlgs_jax.training.evaluators.follow import follow
from jvlgs_jax.training.evaluators.schedule import Evaluators
from jvlgs_jax.training.mesh import MeshConfig, make_mesh
from training.toy import DATA, toy_config, toy_network, toy_scene, toy_train

pytestmark = pytest.mark.slow  # they share a training
QUICK = EvaluatorConfig(name="quick", kind="batches", part="validation", every=4)
CONFIG = toy_config(steps=8, save_every=2, keep=9, evaluators=(QUICK,))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workdir of a training that has evaluated itself."""
    workdir = tmp_path_factory.mktemp("trained")
    toy_train(workdir, CONFIG)
    return workdir


@pytest.fixture
def evaluators(monkeypatch: pytest.MonkeyPatch) -> Evaluators:
    monkeypatch.setattr(checkpoints, "abstract_model", lambda config: nnx.eval_shape(toy_network))
    held_out = HeldOut(validation=[toy_scene("d", 3, frames=9)])
    return Evaluators(CONFIG, held_out, data=DATA, mesh=make_mesh(MeshConfig(data=1)))


def test_finds_what_the_training_found(trained: Path, evaluators: Evaluators):
    seen = dict(follow(trained, evaluators, last_step=8))
    (last,) = toy_train(trained, CONFIG)  # evaluates the last step again
    assert list(seen) == [4, 8]
    assert seen[8]["quick"].metrics == pytest.approx(last.found["quick"].metrics)
    assert list(dict(follow(trained, evaluators, last_step=8, after=4))) == [8]


def test_waits_for_checkpoints_to_come(
    trained: Path, evaluators: Evaluators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pauses = []

    def sleep(seconds: float) -> None:
        """While it sleeps, the training begins, and then reaches its next checkpoints."""
        pauses.append(seconds)
        for step in ("2", "4") if len(pauses) == 1 else ("6", "8"):
            shutil.copytree(trained / FOLDER / step, tmp_path / FOLDER / step)
        shutil.copy(trained / FOLDER / "model.json", tmp_path / FOLDER)

    monkeypatch.setattr(follow_module.time, "sleep", sleep)
    assert [step for step, _ in follow(tmp_path, evaluators, last_step=8, poll_seconds=0.5)] == [4, 8]
    assert pauses == [0.5, 0.5]


def test_one_that_was_deleted_before_its_turn_is_left_out(
    trained: Path, evaluators: Evaluators, monkeypatch: pytest.MonkeyPatch
):
    def load(workdir: Path, step: int):
        if step == 4:
            there.remove(4)
            raise UserError("it is gone")
        return checkpoints.load_bundle(workdir, step)

    there = [2, 4, 8]
    monkeypatch.setattr(follow_module, "checkpoint_steps", lambda workdir: list(there))
    monkeypatch.setattr(follow_module, "load_bundle", load)
    assert [step for step, _ in follow(trained, evaluators, last_step=8)] == [8]


def test_one_that_is_damaged_is_an_error(trained: Path, evaluators: Evaluators, tmp_path: Path):
    shutil.copytree(trained, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / FOLDER / "4" / "state")
    with pytest.raises(UserError, match=r"checkpoints/4: cannot be read"):
        list(follow(tmp_path / "copy", evaluators, last_step=8))
