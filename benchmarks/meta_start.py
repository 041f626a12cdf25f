"""Does a meta-learned start beat the shipped one on scenes that neither has seen? Heads only, on simulated scenes.

jvlgs prepare --dataset=plume_sim/simgas_like --clips=448 --data-dir=data
jvlgs simulate --preset=simgas_like --clips=42 --frames=32 --seed=4321 --output=held_out
python benchmarks/meta_start.py --data-dir=data --held-out=held_out --output=meta_start.json

All starts are the small shipped network at 96 x 128. What comes before its heads, the last 1 x 1 convolution and the
fusion of the frame pairs, is the same in all of them and is computed once for each clip. Beside the shipped heads there
are two that saw the same tasks in the same order: one meta-trained, one trained on all of their clips alike, which
tells what is owed to meta-learning and what to training. Each start adapts by the same number of plain gradient steps
with the rate that suits it best on scenes of the meta-training. Tables show means over held-out scenes, with 95 %
intervals bootstrapped over scenes.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, PyTree

from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.data.clip_source import ClipSource
from jvlgs_jax.data.clips import MemoryReader
from jvlgs_jax.data.episodes import Episode, EpisodeConfig, scene_episodes
from jvlgs_jax.data.layouts import load_scenes
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.prompts import tokenize
from jvlgs_jax.data.records.reader import RecordReader
from jvlgs_jax.fewshot.inner_loop import InnerConfig, adapt
from jvlgs_jax.fewshot.meta_learners import MetaLearner, Reptile, Task, fomaml
from jvlgs_jax.fewshot.outer_loop import begin
from jvlgs_jax.interop.model_folder import ModelBundle
from jvlgs_jax.models.convolution import resize_bilinear
from jvlgs_jax.models.jvlgs import Jvlgs
from jvlgs_jax.training.losses import structure_loss_published
from jvlgs_jax.weights.shipped import shipped_model

SIZE = (96, 128)
EPISODES = EpisodeConfig(shots=5, queries=4)
RATES = (0.003, 0.01, 0.03)
ADAPTATION_STEPS = 5
META_RATE = 2e-3


class Clips(NamedTuple):
    """What the heads see of the frames that are asked about, and their truth."""

    maps: Float[Array, "n 2 _ _ _"]
    mask: Float[Array, "n 1 h w 1"]


class Heads:
    """The last parts of a network as a function of their parameters."""

    def __init__(self, bundle: ModelBundle) -> None:
        """Takes a model apart."""
        model = bundle.model
        model.eval()
        self._text, self._planes = model.encode_text(tokenize(bundle.prompts)), input_planes(bundle.planes)
        graphdef, params, rest = nnx.split(model, nnx.All(nnx.Param, _of_heads), ...)
        self.params: PyTree = params
        self._merged: Callable[[PyTree], Jvlgs] = lambda params: nnx.merge(graphdef, params, rest)
        self._perceive = jax.jit(self._levels)
        self._decode = jax.jit(lambda levels: self._merged(self.params).decoder.features(levels))

    def _levels(self, planes: Float[Array, "n t h w 3"]) -> PyTree:
        model = self._merged(self.params)
        return model.decoder_levels(model.encode_video(self._planes.normalize(planes)), self._text)

    def clips(self, planes: Float[np.ndarray, "n t h w 3"], mask: Float[np.ndarray, "n 1 h w 1"]) -> Clips:
        """Runs all that comes before the heads."""
        return Clips(np.asarray(self._decode(self._perceive(jnp.asarray(planes)))), mask)

    def logits(self, params: PyTree, clips: Clips) -> Float[Array, "n 1 h w 1"]:
        """Runs the heads."""
        model = self._merged(params)
        return model.pair_fusion(resize_bilinear(model.decoder.head(clips.maps), SIZE))[:, None]

    def loss(self, params: PyTree, clips: Clips, key: Array) -> Float[Array, ""]:
        """What training and adaptation make smaller."""
        return structure_loss_published(self.logits(params, clips), clips.mask).total


def _of_heads(path: tuple, variable: object) -> bool:
    return path[0] == "pair_fusion" or path[:2] == ("decoder", "head")


def tasks_of(heads: Heads, source: ClipSource, data: DataConfig, count: int) -> list[Task]:
    """Returns the tasks of the first scenes whose support shows gas."""
    tasks: list[Task] = []
    for episode in scene_episodes(source, data, EPISODES, seed=0):
        assert isinstance(episode, Episode)
        support, query = (jax.tree.map(lambda x: x[0], part) for part in episode)
        if support.mask.any():
            both = [np.concatenate(parts) for parts in ((support.planes, query.planes), (support.mask, query.mask))]
            clips = heads.clips(*both)
            tasks.append(Task(*(jax.tree.map(lambda x, r=r: x[r], clips) for r in (slice(None, 5), slice(5, None)))))
        if len(tasks) == count:
            break
    return tasks


def trained(learner: MetaLearner, heads: Heads, tasks: Sequence[Task], steps: int, batch: int) -> PyTree:
    """Returns the heads after `steps` batches of tasks, each drawn once before one is drawn again."""
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(META_RATE, steps)))
    # Tasks go one by one, each a batch of one: one small program, compiled once.
    gradient = jax.jit(partial(learner.task_gradient, heads.loss))
    state, order, rng = begin(learner, heads.params, optimizer), [], np.random.default_rng(0)
    meta, memory = state.meta, state.memory
    for step in range(steps):
        total, losses = None, []
        for _ in range(batch):
            order = order or rng.permutation(len(tasks)).tolist()
            found = gradient(meta, tasks[order.pop()], jax.random.key(0))
            total = found.gradient if total is None else jax.tree.map(jnp.add, total, found.gradient)
            losses.append(float(found.metrics["loss"]))
        updates, memory = optimizer.update(jax.tree.map(lambda x: x / batch, total), memory, meta)
        meta = optax.apply_updates(meta, updates)
        if step % 10 == 0:
            print(f"  step {step}: loss {np.mean(losses):.3f}", flush=True)
    return meta.start


class Scores(NamedTuple):
    """A scene's query after adaptation."""

    loss: float
    overlap: float  # pooled intersection over union at probability 0.5


class Judge:
    """Adapts starts to scenes and scores them on their queries."""

    def __init__(self, heads: Heads) -> None:
        """Compiles one program for every number of support clips."""

        @partial(jax.jit, static_argnames="shots")
        def adapted(start: PyTree, rate: Array, task: Task, shots: int) -> PyTree:
            inner = InnerConfig(steps=ADAPTATION_STEPS, remat="none", unroll=ADAPTATION_STEPS)
            support = jax.tree.map(lambda x: x[:shots], task.support)
            rates = jax.tree.map(lambda x: jnp.full_like(x, rate), start)
            return adapt(heads.loss, start, support, jax.random.key(0), inner, rates=rates).params

        @jax.jit
        def scores(params: PyTree, task: Task) -> tuple[Array, Array, Array]:
            logits = heads.logits(params, task.query)
            seen, true = logits > 0, task.query.mask > 0.5
            loss = structure_loss_published(logits, task.query.mask).total
            return loss, (seen & true).sum(), (seen | true).sum()

        self._adapted, self._scores = adapted, scores

    def __call__(self, start: PyTree, tasks: Sequence[Task], shots: int, rate: float) -> list[Scores]:
        """Scores each task; no shots: the start as it is."""
        found = []
        for task in tasks:
            params = self._adapted(start, jnp.float32(rate), task, shots) if shots else start
            loss, common, either = self._scores(params, task)
            found.append(Scores(float(loss), float(common) / max(float(either), 1.0) if either else 1.0))
        return found


def interval(values: Float[np.ndarray, " n"]) -> tuple[float, float, float]:
    """Returns the mean and the bounds of its 95 % interval, bootstrapped."""
    draws = np.random.default_rng(0).integers(len(values), size=(10_000, len(values)))
    low, high = np.percentile(values[draws].mean(1), [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def main() -> None:
    """Trains, adapts, scores and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--train-scenes", type=int, default=32)
    parser.add_argument("--choice-scenes", type=int, default=5, help="of these, to choose adaptation's rate on")
    parser.add_argument("--test-scenes", type=int, default=32)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--tasks", type=int, default=4)
    args = parser.parse_args()

    heads = Heads(shipped_model().load())
    data, planes = DataConfig(planes="temporal", input_size=SIZE), input_planes("temporal")
    held_out = MemoryReader(load_scenes(args.held_out, "auto"), planes)
    prepared = RecordReader(args.data_dir, "plume_sim/simgas_like", planes)
    times = [("features", time.process_time())]
    train = tasks_of(heads, ClipSource(reader=prepared), data, args.train_scenes)
    test = tasks_of(heads, ClipSource(reader=held_out), data, args.test_scenes)
    print(f"{len(train)} scenes to train on, {len(test)} held out", flush=True)

    inner = InnerConfig(steps=ADAPTATION_STEPS, learning_rate=0.01, remat="none", unroll=ADAPTATION_STEPS)
    starts = {"shipped": heads.params}
    for name, learner in (
        ("trained on all alike", Reptile(inner=InnerConfig(steps=1, learning_rate=1.0, remat="none"))),
        ("meta-trained (FOMAML)", fomaml(inner)),
    ):
        times.append((name, time.process_time()))
        print(name, flush=True)
        starts[name] = trained(learner, heads, train, args.steps, args.tasks)
    times.append(("adapting and scoring", time.process_time()))
    judge, table = Judge(heads), {}
    for name, start in starts.items():
        for shots in (0, 1, 5):
            choices = {
                rate: np.mean([one.loss for one in judge(start, train[: args.choice_scenes], shots, rate)])
                for rate in (RATES if shots else RATES[:1])
            }
            rate = min(choices, key=lambda rate: choices[rate])
            table[name, shots] = (rate, judge(start, test, shots, rate))
            overlaps = np.array([one.overlap for one in table[name, shots][1]])
            losses = np.array([one.loss for one in table[name, shots][1]])
            cells = [" {:.3f} [{:.3f}, {:.3f}]".format(*interval(values)) for values in (overlaps, losses)]
            print(f"| {name} | {shots} | {rate if shots else '-'} |" + " |".join(cells) + " |", flush=True)
    times.append(("end", time.process_time()))
    for shots in (0, 1, 5):
        for name in list(starts)[:-1]:
            pair = [np.array([one.overlap for one in table[key, shots][1]]) for key in (list(starts)[-1], name)]
            print(f"K={shots}: meta-trained minus {name}, scene by scene: {interval(pair[0] - pair[1])}")
    seconds = {name: round(end - begun) for (name, begun), (_, end) in pairwise(times)}
    print(f"CPU seconds: {seconds}")
    found = [{"start": name, "shots": shots, "rate": r, "scenes": s} for (name, shots), (r, s) in table.items()]
    args.output.write_text(json.dumps({"seconds": seconds, "results": found}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
