"""A training as a program: what its devices hold and what they do in a step, known from shapes alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import optax
from flax import nnx
from jax.sharding import Mesh, NamedSharding

from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.kernels.cross_attention.implementations import AUTO, find_implementation
from jvlgs_jax.models.jvlgs import Jvlgs
from jvlgs_jax.training.config import TrainConfig
from jvlgs_jax.training.flops import step_flops
from jvlgs_jax.training.losses import loss_function
from jvlgs_jax.training.mesh import make_mesh, shardings, with_shardings
from jvlgs_jax.training.optimizer import make_optimizer
from jvlgs_jax.training.regime import Regime, Supervised
from jvlgs_jax.training.state import TrainState, create_state, materialize
from jvlgs_jax.training.step import StepParts, TrainStep
from jvlgs_jax.training.text_features import TextFeatures


@dataclass(frozen=True, kw_only=True)
class TrainingProgram:
    """The parts of a training that do not depend on its data and its weights; `training_program` builds one.

    Attributes:
        make_model: builds the network with its random weights.
        config: the training, in steps.
        data: how its batches are made.
        regime: what a step learns from, and how.
        mesh: the devices.
        rows: where the rows of a batch live.
        optimizer: how parameters are changed.
        graphdef: structure of the network.
        shapes: of the state, with the sharding of each array.
    """

    make_model: Callable[[], Jvlgs]
    config: TrainConfig
    data: DataConfig
    regime: Regime
    mesh: Mesh
    rows: NamedSharding
    optimizer: optax.GradientTransformation
    graphdef: nnx.GraphDef
    shapes: TrainState

    @property
    def batch(self) -> Any:
        """The shapes of a batch, with their sharding."""
        shapes = self.regime.batch_shapes(self.data)
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=self.rows), shapes)

    def random_state(self) -> TrainState:
        """Returns the state of a training that starts from random weights, made where it lives."""
        places = jax.tree.map(lambda shape: shape.sharding, self.shapes)
        return materialize(lambda: _build(self.make_model, self.config, self.optimizer)[1], places)

    def step(self, text: TextFeatures) -> TrainStep:
        """Returns the compiled step; see `Regime.step`."""
        parts = StepParts(
            graphdef=self.graphdef,
            shardings=jax.tree.map(lambda shape: shape.sharding, self.shapes),
            config=self.config.optimizer,
            optimizer=self.optimizer,
            loss=loss_function(self.config.loss),
            planes=input_planes(self.data.planes),
            text=text,
            precision=self.config.precision,
        )
        return self.regime.step(parts)

    def useful_flops(self, text: TextFeatures) -> int:
        """Returns the operations of a step as the model asks for them: what remat computes again is no use."""
        config = replace(self.config, remat="none")
        graphdef, _ = jax.eval_shape(lambda: _build(self.make_model, config, self.optimizer))
        return step_flops(replace(self, config=config, graphdef=graphdef).step(text), self.shapes, self.batch)


def training_program(
    make_model: Callable[[], Jvlgs],
    data: DataConfig,
    config: TrainConfig,
    devices: Sequence[jax.Device] | None = None,
    regime: Regime | None = None,
) -> TrainingProgram:
    """Returns the program of a training on the first of `devices`, by default of all, that `config.mesh` has a use for.

    Without a `regime` it learns from batches of labelled clips.

    UserError for a config that does not fit the network or the devices.
    """
    regime = regime or Supervised()
    optimizer = regime.optimizer(make_optimizer(config.optimizer, config.total_steps))
    mesh = make_mesh(config.mesh, devices)
    if config.attention != AUTO:
        find_implementation(config.attention, mesh.devices.flat[0].platform)
    graphdef, state = jax.eval_shape(lambda: _build(make_model, config, optimizer))
    return TrainingProgram(
        make_model=make_model,
        config=config,
        data=data,
        regime=regime,
        mesh=mesh,
        rows=regime.rows(mesh, data, config.optimizer),
        optimizer=optimizer,
        graphdef=graphdef,
        shapes=with_shardings(state, shardings(state, mesh)),
    )


def _build(
    make_model: Callable[[], Jvlgs], config: TrainConfig, optimizer: optax.GradientTransformation
) -> tuple[nnx.GraphDef, TrainState]:
    model = make_model()
    model.set_attributes(remat=config.remat, implementation=None if config.attention == AUTO else config.attention)
    return create_state(model, config.optimizer.frozen, optimizer, ema=config.optimizer.ema_decay is not None)
