import dataclasses
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import grain
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from orbax.checkpoint import v1 as ocp

from jvlgs_jax.data.batches import training_batches
from jvlgs_jax.errors import UserError
from jvlgs_jax.training import checkpoints
from jvlgs_jax.training.checkpoints import FOLDER, Checkpoints, load_bundle, restore_from
from jvlgs_jax.training.optimizer import OptimizerConfig, make_optimizer
from jvlgs_jax.training.provenance import code_version
from jvlgs_jax.training.state import TrainState, create_state, evaluation_model
from training.toy import DATA, FROZEN, toy_bundle, toy_network, toy_scene, toy_source

# Orbax leaves tasks of a checkpoint that it failed to read behind, which end after their event loop, in any later test.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
OPTIMIZER = make_optimizer(OptimizerConfig(), 10)


@pytest.fixture
def batches() -> Iterator[grain.DatasetIterator]:
    iterator = training_batches([toy_source(toy_scene("a", 0))], DATA, seed=0)
    yield iterator
    iterator.close()


def toy_state(step: int, frozen: tuple[str, ...] = FROZEN) -> TrainState:
    _, state = create_state(toy_network(), frozen, OPTIMIZER, ema=False)
    return jax.tree.map(lambda x: x + step, state)


def steps(workdir: Path) -> list[str]:
    return sorted(path.name for path in (workdir / FOLDER).iterdir() if path.is_dir())


@pytest.mark.slow
def test_restores_the_latest_state_and_the_next_batch(tmp_path: Path, batches: grain.DatasetIterator):
    with Checkpoints(tmp_path, toy_bundle(), keep=2) as own:
        assert own.latest is None
        own.save(1, toy_state(1), batches)
        next(batches)
        own.save(2, toy_state(2), batches)
    following = next(batches)
    fresh = training_batches([toy_source(toy_scene("a", 0))], DATA, seed=0)
    with Checkpoints(tmp_path, toy_bundle(), keep=2) as own:
        assert own.latest == 2
        restored = own.restore(toy_state(0), fresh)
    jax.tree.map(np.testing.assert_array_equal, restored, toy_state(2))
    jax.tree.map(np.testing.assert_array_equal, next(fresh), following)
    fresh.close()


@pytest.mark.slow
def test_keeps_the_last_few(tmp_path: Path, batches: grain.DatasetIterator):
    with Checkpoints(tmp_path, toy_bundle(), keep=2) as own:
        for step in (3, 6, 9, 12):
            own.save(step, toy_state(step), batches)
    assert steps(tmp_path) == ["12", "9"]


def test_keeps_the_best_beside_the_last(tmp_path: Path, batches: grain.DatasetIterator):
    with Checkpoints(tmp_path, toy_bundle(), keep=1) as own:
        assert own.best is None
        for step, quality in ((1, 0.5), (2, 0.75), (3, 0.25)):
            own.rate(step, quality)
            own.save(step, toy_state(step), batches)
    with Checkpoints(tmp_path, toy_bundle(), keep=1) as own:
        assert own.best == 2
        own.save(4, toy_state(4), batches)
        own.save(5, toy_state(5), batches)
        own.rate(5, 0.75)  # the later of two equal ones
        assert own.best == 5
        own.rate(6, 1.0)  # about to be saved
        assert own.best == 5
        own.save(6, toy_state(6), batches)
        own.wait()
        assert own.best == 6
    assert steps(tmp_path) == ["6"]


def test_a_save_is_not_changed_by_the_steps_that_follow(tmp_path: Path, batches: grain.DatasetIterator):
    step = jax.jit(lambda state: jax.tree.map(lambda x: x + 1, state), donate_argnums=0)
    state = jax.tree.map(jnp.copy, toy_state(1))
    with Checkpoints(tmp_path, toy_bundle(), keep=1) as own:
        own.save(1, state, batches)
        for _ in range(20):  # reuse the donated arrays while they are written
            state = step(state)
    jax.tree.map(np.testing.assert_array_equal, restore_from(tmp_path, state, batches), toy_state(1))


def test_a_checkpoint_tells_what_made_it(tmp_path: Path, batches: grain.DatasetIterator):
    about = {"experiment": {"seed": 3}, "code": code_version()}
    with Checkpoints(tmp_path, toy_bundle(), keep=1, about=about) as own:
        own.save(1, toy_state(1), batches)
    with ocp.training.Checkpointer(str(tmp_path / FOLDER)) as checkpointer:
        assert checkpointer.metadata(1).custom_metadata == about
    assert about["code"]["jax"] == jax.__version__
    assert re.fullmatch(r"[0-9a-f]{40}\+?", about["code"]["commit"] or "0" * 40)


def test_half_a_checkpoint_is_ignored(tmp_path: Path, batches: grain.DatasetIterator):
    with Checkpoints(tmp_path, toy_bundle(), keep=2) as own:
        own.save(1, toy_state(1), batches)
    half = tmp_path / FOLDER / "2.orbax-checkpoint-tmp"
    shutil.copytree(tmp_path / FOLDER / "1", half)
    shutil.rmtree(half / "state")
    with Checkpoints(tmp_path, toy_bundle(), keep=2) as own:
        assert own.latest == 1
        own.save(2, toy_state(2), batches)
        own.wait()
        assert own.latest == 2


DAMAGES = {
    "empty": lambda folder: [shutil.rmtree(path) for path in folder.iterdir() if path.is_dir()],
    "no state": lambda folder: shutil.rmtree(folder / "state"),
    "cut arrays": lambda folder: [cut(path) for path in (folder / "state" / "ocdbt.process_0" / "d").iterdir()],
    "cut index": lambda folder: cut(folder / "state" / "manifest.ocdbt"),
    "empty place in the data": lambda folder: (folder / "data" / "position.json").write_bytes(b""),
}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.fixture(scope="module")
def two_saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workdir with checkpoints 2 and 4."""
    workdir = tmp_path_factory.mktemp("two_saved")
    iterator = training_batches([toy_source(toy_scene("a", 0))], DATA, seed=0)
    with Checkpoints(workdir, toy_bundle(), keep=2) as own:
        own.save(2, toy_state(2), iterator)
        own.save(4, toy_state(4), iterator)
    iterator.close()
    return workdir


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over(
    two_saved: Path, tmp_path: Path, batches: grain.DatasetIterator, capsys: pytest.CaptureFixture, damage: str
):
    shutil.copytree(two_saved, tmp_path, dirs_exist_ok=True)
    DAMAGES[damage](tmp_path / FOLDER / "4")
    with Checkpoints(tmp_path, toy_bundle(), keep=2) as own:
        jax.tree.map(np.testing.assert_array_equal, own.restore(toy_state(0), batches), toy_state(2))
        (said,) = (line for line in capsys.readouterr().err.splitlines() if str(tmp_path) in line)
        assert re.fullmatch(r".*/checkpoints/4: cannot be read \(.+\): passed over", said)
        assert own.latest == 2
        own.save(4, toy_state(5), batches)
        own.wait()
        jax.tree.map(np.testing.assert_array_equal, own.restore(toy_state(0), batches), toy_state(5))
    assert steps(tmp_path) == ["2", "4", "4.damaged"]


def test_a_damaged_checkpoint_of_another_training_stays_as_it_is(
    two_saved: Path, tmp_path: Path, batches: grain.DatasetIterator, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(checkpoints, "abstract_model", lambda config: nnx.eval_shape(toy_network))
    shutil.copytree(two_saved, tmp_path, dirs_exist_ok=True)
    cut(tmp_path / FOLDER / "4" / "state" / "manifest.ocdbt")
    jax.tree.map(np.testing.assert_array_equal, restore_from(tmp_path, toy_state(0), batches), toy_state(2))
    assert steps(tmp_path) == ["2", "4"]
    with pytest.raises(UserError, match=r"4: cannot be read .*: use another checkpoint"):
        load_bundle(tmp_path)


def test_without_a_whole_checkpoint_nothing_is_begun_anew(
    two_saved: Path, tmp_path: Path, batches: grain.DatasetIterator
):
    shutil.copytree(two_saved, tmp_path, dirs_exist_ok=True)
    for step in "24":
        shutil.rmtree(tmp_path / FOLDER / step / "state")
    with (
        Checkpoints(tmp_path, toy_bundle(), keep=2) as own,
        pytest.raises(
            UserError, match=r"no checkpoint can be read \(.*'state'.*bring one back from a copy, or use a new"
        ),
    ):
        own.restore(toy_state(0), batches)
    assert steps(tmp_path) == ["2", "4"]


def test_qualities_that_cannot_be_read_count_as_none(two_saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    shutil.copytree(two_saved, tmp_path, dirs_exist_ok=True)
    (tmp_path / FOLDER / "quality.json").write_text('{"2": 0.')
    with Checkpoints(tmp_path, toy_bundle(), keep=2) as own:
        assert own.best is None
        own.rate(4, 0.5)
        assert own.best == 4
    assert "quality.json: cannot be read" in capsys.readouterr().err


def test_a_checkpoint_that_is_given_up_is_gone_on_from_no_more(two_saved: Path, tmp_path: Path):
    shutil.copytree(two_saved, tmp_path, dirs_exist_ok=True)
    with Checkpoints(tmp_path, toy_bundle(), keep=2) as own:
        own.give_up(3)
        assert own.latest == 4
        own.give_up(4)
        assert own.latest == 2
    assert steps(tmp_path) == ["2", "4.diverged"]
    assert checkpoints.checkpoint_steps(tmp_path) == [2]


def test_a_training_on_other_data_is_not_gone_on_with(tmp_path: Path, batches: grain.DatasetIterator):
    def about(split: str) -> dict:
        return {"experiment": {"data": {"split": split, "root": split}}}

    with Checkpoints(tmp_path, toy_bundle(), keep=1, about=about("grouped/0")) as own:
        own.save(1, toy_state(1), batches)
        own.wait()
        own.restore(toy_state(0), batches)
    message = r"was trained with data\.split 'grouped/0', but this config says 'grouped/1'"
    with (
        Checkpoints(tmp_path, toy_bundle(), keep=1, about=about("grouped/1")) as own,
        pytest.raises(UserError, match=message),
    ):
        own.restore(toy_state(0), batches)
    with pytest.raises(UserError, match=message):
        restore_from(tmp_path, toy_state(0), batches, about("grouped/1")["experiment"])


def test_another_training_is_not_overwritten(tmp_path: Path):
    with Checkpoints(tmp_path, toy_bundle(), keep=1):
        pass
    with pytest.raises(UserError, match=r"another network, prompts or input.*new workdir"):
        Checkpoints(tmp_path, dataclasses.replace(toy_bundle(), planes="rgb"), keep=1)


def test_a_state_of_another_shape_does_not_fit(tmp_path: Path, batches: grain.DatasetIterator):
    with Checkpoints(tmp_path, toy_bundle(), keep=1) as own:
        own.save(1, toy_state(1), batches)
        own.wait()
        with pytest.raises(UserError, match=r"does not fit this config.*train\.optimizer"):
            own.restore(toy_state(0, frozen=()), batches)


def test_goes_on_from_another_training(tmp_path: Path, batches: grain.DatasetIterator):
    with Checkpoints(tmp_path, toy_bundle(), keep=1) as own:
        with pytest.raises(UserError, match="holds no checkpoint"):
            restore_from(tmp_path, toy_state(0), batches)
        own.save(4, toy_state(4), batches)
    jax.tree.map(np.testing.assert_array_equal, restore_from(tmp_path, toy_state(0), batches), toy_state(4))
    with pytest.raises(UserError, match="not the workdir of a training"):
        restore_from(tmp_path / "nothing", toy_state(0), batches)


@pytest.mark.parametrize("ema", [False, True])
def test_the_bundle_is_the_evaluated_model(
    tmp_path: Path, batches: grain.DatasetIterator, monkeypatch: pytest.MonkeyPatch, ema: bool
):
    monkeypatch.setattr(checkpoints, "abstract_model", lambda config: nnx.eval_shape(toy_network))
    bundle = toy_bundle()
    graphdef, state = create_state(bundle.model, FROZEN, OPTIMIZER, ema=ema)
    state = dataclasses.replace(state, stats=jax.tree.map(lambda x: x + 3, state.stats))
    if ema:
        state = dataclasses.replace(state, ema=jax.tree.map(lambda x: (x / 2).astype(x.dtype), state.ema))
    with Checkpoints(tmp_path, bundle, keep=1) as own:
        with pytest.raises(UserError, match="holds no checkpoint yet"):
            load_bundle(tmp_path)
        own.save(1, state, batches)
    loaded = load_bundle(tmp_path)
    assert dataclasses.replace(loaded, model=bundle.model) == bundle
    expected = nnx.state(evaluation_model(graphdef, state))
    jax.tree.map(np.testing.assert_array_equal, nnx.state(loaded.model), expected)
