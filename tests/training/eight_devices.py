"""A program for eight virtual devices: trains a small network on several meshes and saves what comes of it."""

import os

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"

import dataclasses
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.data.batch_iterator import placement
from jvlgs_jax.data.batches import Batch, training_batches
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.prompts import DEFAULT_PROMPTS, tokenize
from jvlgs_jax.interop.model_folder import ModelBundle
from jvlgs_jax.interop.parameters import flatten
from jvlgs_jax.models.jvlgs import JvlgsOutput
from jvlgs_jax.models.pvt_v2 import Stage
from jvlgs_jax.training import mesh as mesh_module
from jvlgs_jax.training.checkpoints import Checkpoints
from jvlgs_jax.training.losses import structure_loss_published
from jvlgs_jax.training.mesh import MeshConfig, batch_sharding, make_mesh, on_one_device, shardings, with_shardings
from jvlgs_jax.training.optimizer import OptimizerConfig, make_optimizer
from jvlgs_jax.training.state import TrainState, create_state, evaluation_model, materialize
from jvlgs_jax.training.step import StepParts, make_train_step
from jvlgs_jax.training.text_features import text_features
from training.toy import DATA, FROZEN, ToyNetwork, toy_config, toy_scene, toy_source, toy_train

MESHES = {  # and micro-batches
    "one": (MeshConfig(data=1), 1),
    "data8": (MeshConfig(data=8), 1),
    "data4_fsdp2": (MeshConfig(data=4, fsdp=2), 1),
    "one_in_two": (MeshConfig(data=1), 2),
    "data2_fsdp2_in_two": (MeshConfig(data=2, fsdp=2), 2),
}
# The large epsilon keeps Adam from blowing up the rounding of gradients that are zero in exact arithmetic.
OPTIMIZER = OptimizerConfig(learning_rate=1e-2, epsilon=1e-3, frozen=FROZEN, ema_decay=0.5, gradient_norm=1.0)
STEPS, ROWS, SIZE = 5, 8, 32


class MeshNetwork(ToyNetwork):
    """The toy network beside a stage of the real video encoder: scanned blocks, attention and norms."""

    def __init__(self, *, rngs: nnx.Rngs):
        super().__init__(rngs=rngs)
        self.stage = Stage(self.config.encoder, 0, rngs=rngs)
        self.projection = nnx.Linear(self.config.encoder.dims[0], 1, rngs=rngs)

    def __call__(self, clip: Float[Array, "b t h w 3"], text: Float[Array, "p d"]) -> JvlgsOutput:
        output, frames = super().__call__(clip, text), clip[:, :-2]
        maps = self.projection(self.stage(frames.reshape(-1, *frames.shape[2:])))
        coarse = jnp.repeat(jnp.repeat(maps, 4, axis=1), 4, axis=2)
        return output._replace(logits=output.logits + coarse.reshape(output.logits.shape))


def network() -> MeshNetwork:
    return MeshNetwork(rngs=nnx.Rngs(0))


def build() -> tuple[nnx.GraphDef, TrainState]:
    return create_state(network(), OPTIMIZER.frozen, make_optimizer(OPTIMIZER, STEPS), ema=True)


def batch(seed: int) -> Batch:
    rng = np.random.default_rng(seed)
    planes = rng.uniform(0, 255, (ROWS, 3, SIZE, SIZE, 3)).astype(np.float32)
    known = rng.uniform(size=ROWS) * rng.uniform(size=(1, SIZE, SIZE, 1, ROWS))  # another share in each row
    ignored = (np.moveaxis(known, -1, 0) < 0.1).astype(np.float32)
    return Batch(planes, (planes[:, :1, :, :, :1] > 128).astype(np.float32), ignored)


def steps_on(config: MeshConfig, micro_batches: int) -> tuple[TrainState, dict[str, np.ndarray]]:
    """The state after the steps, and what there is to compare of it."""
    mesh = make_mesh(config)
    graphdef, abstract = jax.eval_shape(build)
    places = shardings(abstract, mesh)
    state = materialize(lambda: build()[1], places)
    model = evaluation_model(graphdef, state)
    parts = StepParts(
        graphdef=graphdef,
        shardings=places,
        config=dataclasses.replace(OPTIMIZER, micro_batches=micro_batches),
        optimizer=make_optimizer(OPTIMIZER, STEPS),
        loss=structure_loss_published,
        planes=input_planes("temporal"),
        text=text_features(model, tokenize(DEFAULT_PROMPTS), OPTIMIZER.frozen),
    )
    train_step = make_train_step(parts)
    place, losses = placement(batch_sharding(mesh, ROWS, micro_batches)), []
    for step in range(STEPS):
        state, metrics = train_step(state, place(batch(step)))
        losses.append(float(metrics["loss"]))
    trees = {"params": state.params, "stats": state.stats, "ema": state.ema}
    arrays = {f"{name}/{path}": x for name, tree in trees.items() for path, x in flatten(tree).items()}
    cut = [x for x in jax.tree.leaves((state.params, state.opt_state)) if not x.is_fully_replicated]
    cut = [x for x in cut if x.addressable_shards[0].data.size == x.size // config.fsdp]
    facts = {"losses": np.array(losses), "compiled": np.array(train_step._cache_size()), "cut": np.array(len(cut))}
    return state, {**facts, **{path: np.asarray(x) for path, x in on_one_device(arrays).items()}}


def checkpoint_on_fewer_devices(folder: Path, state: TrainState) -> None:
    """Saves the state of 8 devices, restores it on 4, saves that and restores it on 1: fails if they do not agree."""
    bundle = ModelBundle(network(), DEFAULT_PROMPTS, "temporal", (SIZE, SIZE))
    batches = training_batches([toy_source(toy_scene("a", 0))], DATA, seed=0)
    _, abstract = jax.eval_shape(build)
    saved = jax.tree.map(np.asarray, state)
    for step, config in enumerate((MeshConfig(data=2, fsdp=2), MeshConfig(data=1)), start=1):
        with Checkpoints(folder, bundle, keep=1) as checkpoints:
            checkpoints.save(step, state, batches)
            target = with_shardings(abstract, shardings(abstract, make_mesh(config)))
            state = checkpoints.restore(target, batches)
        jax.tree.map(np.testing.assert_array_equal, saved, jax.tree.map(np.asarray, state))
        assert len(state.step.sharding.device_set) == 4 ** (2 - step)


def train_and_go_on_elsewhere(folder: Path) -> None:
    """Trains on two devices, then goes on with one, and beside it with one device from start to end."""
    optimizer = OptimizerConfig(learning_rate=1e-2, epsilon=1e-3, frozen=FROZEN, ema_decay=0.9)
    two, one = MeshConfig(fsdp=2, data=1), MeshConfig(data=1)
    toy_train(folder / "moved", toy_config(steps=3, mesh=two, optimizer=optimizer))
    toy_train(folder / "moved", toy_config(steps=6, mesh=one, optimizer=optimizer))
    toy_train(folder / "stayed", toy_config(steps=6, mesh=one, optimizer=optimizer))


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    folder = Path(sys.argv[1])
    mesh_module.LEAST_SHARDED = 0  # the arrays of a small network are small
    states = {}
    for name, (config, micro_batches) in MESHES.items():
        states[name], found = steps_on(config, micro_batches)
        np.savez(folder / f"{name}.npz", **found)
    checkpoint_on_fewer_devices(folder / "run", states["data4_fsdp2"])
    train_and_go_on_elsewhere(folder)
