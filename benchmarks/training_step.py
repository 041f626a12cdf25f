"""Times a whole training step, and its parts, by supervised window.

python benchmarks/training_step.py --encoder b5 --batch 2 --length 3
python benchmarks/training_step.py --encoder b5 --batch 1 --length 8

The published optimizer on the published network at 352 x 352 in float32, but for what the arguments change. A clip of T
frames has T - 2 supervised windows. The parts are compiled alone, so their sum is not exactly the step.
"""

import argparse
import dataclasses
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from jvlgs_jax.cli.huge_pages import restart_with_huge_pages
from jvlgs_jax.data.batch_iterator import placement
from jvlgs_jax.data.batches import Batch
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.prompts import DEFAULT_PROMPTS, tokenize
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig
from jvlgs_jax.models.pvt_v2 import REMAT_POLICIES, PvtV2Config
from jvlgs_jax.training.losses import structure_loss_published
from jvlgs_jax.training.mesh import MeshConfig, batch_sharding, make_mesh, shardings
from jvlgs_jax.training.optimizer import OptimizerConfig, make_optimizer
from jvlgs_jax.training.state import TrainState, create_state, materialize
from jvlgs_jax.training.step import StepParts, make_train_step
from jvlgs_jax.training.text_features import TrainedPrompts

OPTIMIZER = OptimizerConfig()
TOKENS = tokenize(DEFAULT_PROMPTS)


class Measurement:
    """Prints the median of timed calls, in seconds a window, and in seconds of processor time."""

    def __init__(self, windows: int, repeats: int) -> None:
        self._windows, self._repeats = windows, repeats

    def __call__(self, name: str, call: Callable[[], object]) -> None:
        """Calls once to warm up, then times the others."""
        wall, processor = [], []
        for _ in range(self._repeats + 1):
            started, spent = time.perf_counter(), time.process_time()
            jax.block_until_ready(call())
            wall.append(time.perf_counter() - started)
            processor.append(time.process_time() - spent)
        a_window = [statistics.median(seconds[1:]) / self._windows for seconds in (wall, processor)]
        print(f"{name:10} {a_window[0]:7.3f} s a window, {a_window[1]:7.3f} s of processor time", flush=True)


def whole_step(config: JvlgsConfig, batch: Batch, remat: str, measure: Measurement) -> None:
    """Compiles and times the step that `jvlgs train` takes."""
    optimizer, mesh = make_optimizer(OPTIMIZER, 100), make_mesh(MeshConfig(data=1))

    def build() -> tuple[nnx.GraphDef, TrainState]:
        model = Jvlgs(config, rngs=nnx.Rngs(0))
        model.set_attributes(remat=remat)
        return create_state(model, OPTIMIZER.frozen, optimizer, ema=False)

    graphdef, abstract = jax.eval_shape(build)
    places = shardings(abstract, mesh)
    parts = StepParts(
        graphdef=graphdef,
        shardings=places,
        config=OPTIMIZER,
        optimizer=optimizer,
        loss=structure_loss_published,
        planes=input_planes("rgb"),
        text=TrainedPrompts(TOKENS),
    )
    step = make_train_step(parts)
    state = materialize(lambda: build()[1], places)
    batch = placement(batch_sharding(mesh, len(batch.planes), 1))(batch)
    started = time.perf_counter()
    compiled = step.lower(state, batch).compile()
    temporary = compiled.memory_analysis().temp_size_in_bytes / 2**30
    print(f"compiled in {time.perf_counter() - started:.0f} s, {temporary:.1f} GiB of temporary memory", flush=True)
    states = [state]  # each step donates the one before

    def take_step() -> object:
        following, metrics = compiled(states.pop(), batch)
        states.append(following)
        return metrics

    measure("step", take_step)
    print(f"resident at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB", flush=True)


def parts(config: JvlgsConfig, batch: Batch, remat: str, measure: Measurement) -> None:
    """Times the gradient of the encoder, that of all that follows it, the text encoder's, and the optimizer."""
    model = Jvlgs(config, rngs=nnx.Rngs(0))
    model.set_attributes(remat=remat)
    model.train()
    graphdef, params, stats = nnx.split(model, nnx.Param, ...)
    clip = input_planes("rgb").normalize(jnp.asarray(batch.planes))
    text, size = jax.jit(lambda: nnx.merge(graphdef, params, stats).encode_text(TOKENS))(), clip.shape[2:4]

    def encoder(params: nnx.State) -> jax.Array:
        maps = nnx.merge(graphdef, params, stats, copy=True).video_encoder(clip.reshape(-1, *clip.shape[2:]))
        return sum((jnp.square(x).mean() for x in maps[1:]), jnp.zeros(()))

    def heads(params: nnx.State, maps: list[jax.Array], mask: jax.Array) -> jax.Array:
        model = nnx.merge(graphdef, params, stats, copy=True)
        features = [block(x) for block, x in zip(model.receptive_fields, maps, strict=True)]
        return structure_loss_published(model.segment(features, text, size).logits, mask).total

    def prompts(params: nnx.State) -> jax.Array:
        return jnp.square(nnx.merge(graphdef, params, stats, copy=True).encode_text(TOKENS)).mean()

    strides, dims = (8, 16, 32), config.encoder.dims[1:]
    maps = [jnp.ones((*clip.shape[:2], size[0] // s, size[1] // s, dim)) for s, dim in zip(strides, dims, strict=True)]
    measure("encoder", partial(jax.jit(jax.grad(encoder)), params))
    measure("heads", partial(jax.jit(jax.grad(heads, argnums=(0, 1))), params, maps, jnp.asarray(batch.mask)))
    measure("text", partial(jax.jit(jax.grad(prompts)), params))
    optimizer = make_optimizer(OPTIMIZER, 100)

    @jax.jit
    def update(params: nnx.State, memory: optax.OptState) -> tuple[object, object]:
        updates, memory = optimizer.update(params, memory, params)
        return optax.apply_updates(params, updates), memory

    measure("optimizer", partial(update, params, optimizer.init(params)))


def main() -> None:
    """Prints one line for the step and one for each part."""
    restart_with_huge_pages()  # as `jvlgs train` does
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="b5", choices=[f"b{size}" for size in range(6)])
    parser.add_argument("--size", type=int, default=352, help="pixels each way (default %(default)s)")
    parser.add_argument("--batch", type=int, default=2, help="clips (default %(default)s)")
    parser.add_argument("--length", type=int, default=3, help="frames a clip (default %(default)s)")
    parser.add_argument("--remat", default="none", choices=REMAT_POLICIES)
    parser.add_argument("--repeats", type=int, default=3, help="timed calls (default %(default)s)")
    parser.add_argument("--parts", action="store_true", help="time the parts too")
    args = parser.parse_args()
    config = dataclasses.replace(JvlgsConfig(), encoder=PvtV2Config.variant(args.encoder))
    planes = np.random.default_rng(0).uniform(0, 255, (args.batch, args.length, args.size, args.size, 3))
    planes = planes.astype(np.float32)
    batch = Batch(planes, (planes[:, :-2, :, :, :1] > 128).astype(np.float32))
    measure = Measurement(args.batch * (args.length - 2), args.repeats)
    print(f"{args.encoder}, {args.batch} clips of {args.length} frames, {args.size} x {args.size}, float32", flush=True)
    whole_step(config, batch, args.remat, measure)
    if args.parts:
        parts(config, batch, args.remat, measure)


if __name__ == "__main__":
    main()
