"""Every file in configs/ loads, and its network fits its data: shapes only, nothing is computed."""

import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.cli.main import main
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.prompts import tokenize
from jvlgs_jax.data.toy_plumes import write_clips
from jvlgs_jax.experiment import Experiment, from_config_dict, load_experiment
from jvlgs_jax.interop.model_folder import abstract_model
from jvlgs_jax.models.jvlgs import JvlgsConfig
from jvlgs_jax.training.losses import loss_function
from jvlgs_jax.training.optimizer import make_optimizer
from jvlgs_jax.training.state import TrainState, create_state

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.py"))


STEPS_PER_EPOCH = 100.0  # what it is depends on the data; the shapes do not


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def experiment(path: Path) -> Experiment:
    return load_experiment(path)


def test_there_is_one():
    assert CONFIGS


def test_its_docstring_says_how_to_run_it(path: Path, experiment: Experiment):
    verb = "train" if experiment.meta is None else "meta-train"
    assert f"jvlgs {verb} --config=configs/{path.name}" in path.read_text().split('"""')[1]


def test_its_json_brings_it_back(experiment: Experiment):
    assert from_config_dict(json.loads(experiment.to_json())) == experiment


@pytest.mark.slow
def test_its_network_fits_its_data(experiment: Experiment):
    data, config = experiment.data, experiment.train.in_steps(STEPS_PER_EPOCH)
    planes = (1, data.clips.length, *data.input_size, 3)
    network = (experiment.model, config.remat, experiment.prompts)
    total, logits = _trained_shapes(*network, config.loss, data.planes, planes)
    assert (total, logits) == ((), (1, data.clips.length - 2, *data.input_size, 1))

    graphdef, weights = nnx.split(abstract_model(experiment.model))
    optimizer = make_optimizer(config.optimizer, config.steps)

    averaged = config.optimizer.ema_decay is not None

    def make(weights: nnx.State) -> TrainState:
        return create_state(nnx.merge(graphdef, weights), config.optimizer.frozen, optimizer, ema=averaged)[1]

    state = jax.eval_shape(make, weights)
    assert jax.tree.leaves(state.params)
    assert bool(jax.tree.leaves(state.frozen)) == bool(config.optimizer.frozen)
    assert (state.ema is not None) == averaged


@functools.cache
def _trained_shapes(
    network: JvlgsConfig, remat: str, prompts: tuple[str, ...], loss: str, kind: str, planes: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of loss and logits; several configs share a network and its input."""
    graphdef, state = nnx.split(abstract_model(network))

    def total(
        state: nnx.State, planes: Float[Array, "b t h w 3"], mask: Float[Array, "b s h w 1"]
    ) -> tuple[Float[Array, ""], Float[Array, "b s h w 1"]]:
        model = nnx.merge(graphdef, state)
        model.set_attributes(remat=remat)
        logits = model(input_planes(kind).normalize(planes), model.encode_text(tokenize(prompts))).logits
        return loss_function(loss)(logits, mask).total, logits

    batch, length, *size, _ = planes
    shapes = (planes, (batch, length - 2, *size, 1))
    found = jax.eval_shape(total, state, *(jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes))
    return found[0].shape, found[1].shape


@pytest.mark.slow
@pytest.mark.usefixtures("compiled_quickly")
def test_the_smoke_config_trains(tmp_path: Path):
    write_clips(tmp_path / "data", 5)
    config = Path(__file__).parents[1] / "configs" / "smoke.py"
    place = [f"--data-dir={tmp_path / 'data'}", f"--workdir={tmp_path / 'run'}"]
    assert main(["train", f"--config={config}", *place, "--config.train.steps=2"]) == 0
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert (scores["selection"], scores["step"]) == ("last", 2)
    assert scores["evaluators"]["test"]["metrics"]["loss"] > 0
    assert (tmp_path / "run" / "model" / "weights.safetensors").exists()
