"""A training that takes a second: tiny scenes of a drifting blob and a network of three layers.

As a program, it trains in the folder given to it until it kills itself in the save of the step given to it.
"""

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.data.batches import Batch, DataConfig
from jvlgs_jax.data.clip_source import ClipSource
from jvlgs_jax.data.clips import MemoryReader
from jvlgs_jax.data.planes import ScenePlanes, input_planes
from jvlgs_jax.data.prompts import DEFAULT_PROMPTS, PromptTokens, tokenize
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.inference.postprocess import ConfidenceGate
from jvlgs_jax.interop.model_folder import ModelBundle
from jvlgs_jax.models.batch_norm import BatchNorm
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig, JvlgsOutput
from jvlgs_jax.training import loop
from jvlgs_jax.training.config import EvaluatorConfig, SelectionConfig, TrainConfig
from jvlgs_jax.training.evaluators import frames
from jvlgs_jax.training.evaluators.findings import HeldOut
from jvlgs_jax.training.optimizer import OptimizerConfig
from jvlgs_jax.training.outcome import JudgedModel

SIZE = (32, 32)
DATA = DataConfig(planes="temporal", input_size=SIZE, clips=ClipConfig(length=4), batch_size=2)
FROZEN = ("text_encoder/.*",)


class ToyNetwork(Jvlgs):
    """Has the interface of the network, its running statistics and its text encoder, and compiles in a second."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.config = JvlgsConfig.tiny()
        self.remat, self.implementation = "none", None
        self.text_encoder = nnx.Embed(49408, 2, rngs=rngs)
        self.levels = nnx.List([nnx.Conv(channels, 4, (3, 3), rngs=rngs) for channels in (9, 4)])
        self.norm = BatchNorm(4)
        self.head = nnx.Conv(4, 1, (1, 1), rngs=rngs)

    def encode_text(self, tokens: PromptTokens) -> Float[Array, "p d"]:
        return self.text_encoder(jnp.asarray(tokens.ids)).mean(1)

    def __call__(self, clip: Float[Array, "b t h w 3"], text: Float[Array, "p d"]) -> JvlgsOutput:
        windows = jnp.concatenate([clip[:, :-2], clip[:, 1:-1], clip[:, 2:]], axis=-1)
        features = nnx.relu(self.norm(self.levels[1](nnx.relu(self.levels[0](windows)))))
        logits = self.head(features) + text.sum()
        return JvlgsOutput(logits=logits, pair_logits=jnp.stack([logits, logits], axis=2))


def toy_network() -> ToyNetwork:
    return ToyNetwork(rngs=nnx.Rngs(0))


def toy_bundle() -> ModelBundle:
    return ModelBundle(toy_network(), DEFAULT_PROMPTS, DATA.planes, DATA.input_size)


def toy_scene(name: str, seed: int, frames: int = 12) -> Scene:
    rng = np.random.default_rng(seed)
    images = rng.integers(60, 100, (frames, 40, 48, 1)).astype(np.uint8)
    truth = np.zeros((frames, 40, 48), np.uint8)
    for i in range(frames // 3, frames):
        truth[i, 8:28, 4 + i : 24 + i] = 1
    images[truth > 0] += 80
    return Scene(name=name, group=name, frames=images, truth=truth, frames_per_second=15.0)


def toy_source(*scenes: Scene) -> ClipSource:
    return ClipSource(reader=MemoryReader(scenes, input_planes(DATA.planes)))


def toy_batch(seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    planes = rng.uniform(0, 255, (2, 4, *SIZE, 3)).astype(np.float32)
    return Batch(planes, (planes[:, :2, :, :, :1] > 128).astype(np.float32))


def toy_config(**changes: object) -> TrainConfig:
    optimizer = OptimizerConfig(learning_rate=1e-2, frozen=FROZEN, ema_decay=0.9)
    return TrainConfig(**{"steps": 8, "save_every": 2, "optimizer": optimizer, "evaluators": (), **changes})


class ToySegmenter:
    """Runs a toy network where the real segmenter would build the real one."""

    def __init__(self, bundle: ModelBundle) -> None:
        self._model = nnx.jit(bundle.model)
        self._text = bundle.model.encode_text(tokenize(bundle.prompts))

    def probabilities(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        frames = list(frames)
        planes = ScenePlanes(input_planes(DATA.planes), np.stack(frames))[np.arange(len(frames))]
        clip = input_planes(DATA.planes).normalize(
            jnp.asarray(np.pad(planes, ((0, 2), (0, 0), (0, 0), (0, 0)), "edge"))
        )
        yield from np.asarray(nnx.sigmoid(self._model(clip[None], self._text).logits[0, ..., 0]))


DEFAULT_GATE = ConfidenceGate()


def toy_train(
    workdir: Path, config: TrainConfig, gate: ConfidenceGate = DEFAULT_GATE, **changes: Any
) -> list[JudgedModel]:
    settings = {"data": DATA, "seed": 0, **changes}
    held_out = HeldOut(test=[toy_scene("c", 2)], validation=[toy_scene("d", 3, frames=9)], gate=gate)
    sources = [toy_source(toy_scene("a", 0), toy_scene("b", 1))]
    with mock.patch.object(frames, "Segmenter", ToySegmenter):
        return loop.train(toy_network, DEFAULT_PROMPTS, sources, held_out, config=config, workdir=workdir, **settings)


KILLED_CONFIG = toy_config(
    steps=80,
    save_every=20,
    evaluators=(
        EvaluatorConfig(every=70, baselines=True),
        EvaluatorConfig(name="quick", kind="batches", part="validation", every=30),
    ),
    selection=SelectionConfig(evaluator="quick", metric="loss", goal="lowest"),
)


def _kill_at_commit(step: int) -> None:
    """Arranges a kill -9 of this process in the moment when the checkpoint of `step` would get its final name."""

    def watch(event: str, arguments: tuple) -> None:
        if event == "os.rename" and str(arguments[1]).endswith(f"checkpoints/{step}"):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    _kill_at_commit(int(sys.argv[2]))
    toy_train(Path(sys.argv[1]), KILLED_CONFIG)
