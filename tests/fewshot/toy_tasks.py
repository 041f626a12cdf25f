"""The toy training as a meta-training: its network in two steps, and tasks of its scenes.

As a program, it meta-trains on one and on eight virtual devices in the folder given to it.
"""

import os
import sys

if __name__ == "__main__":
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"

from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Float
from safetensors.numpy import load_file
from toy import FROZEN, SIZE, ToyNetwork, toy_scene, toy_source

from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.data.episodes import EpisodeConfig
from jvlgs_jax.data.prompts import DEFAULT_PROMPTS
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.fewshot.config import MetaConfig
from jvlgs_jax.fewshot.inner_loop import InnerConfig
from jvlgs_jax.fewshot.meta_training import MetaTraining
from jvlgs_jax.models.jvlgs import JvlgsOutput
from jvlgs_jax.training.config import TrainConfig
from jvlgs_jax.training.evaluators.findings import HeldOut
from jvlgs_jax.training.loop import train
from jvlgs_jax.training.mesh import MeshConfig
from jvlgs_jax.training.optimizer import OptimizerConfig
from jvlgs_jax.training.outcome import JudgedModel

DATA = DataConfig(planes="temporal", input_size=SIZE, clips=ClipConfig(length=3), batch_size=2)
EPISODES = EpisodeConfig(tasks=2, shots=2, queries=2, gap=1)
INNER = InnerConfig(steps=2, learning_rate=0.05, adapted=("head/.*",))


class TaskNetwork(ToyNetwork):
    """Does all of its work behind the encoder, as the real network does where its encoder is frozen."""

    def encode_video(self, clip: Float[Array, "b t h w 3"]) -> list[Float[Array, "b t h w 3"]]:
        return [clip]

    def segment(self, features: list, text: Float[Array, "p d"], size: tuple[int, int]) -> JvlgsOutput:
        assert features[0].shape[2:4] == size
        return self(features[0], text)


def task_network() -> TaskNetwork:
    return TaskNetwork(rngs=nnx.Rngs(0))


def meta_config(learner: str = "maml", **changes: Any) -> MetaConfig:
    return MetaConfig(**{"learner": learner, "inner": INNER, "episodes": EPISODES, **changes})


def train_config(**changes: Any) -> TrainConfig:
    # The large epsilon keeps Adam from blowing up the rounding of gradients that are nearly zero.
    optimizer = OptimizerConfig(learning_rate=1e-2, epsilon=1e-3, frozen=FROZEN)
    return TrainConfig(**{"steps": 4, "save_every": 2, "optimizer": optimizer, "evaluators": (), **changes})


def meta_train(workdir: Path, meta: MetaConfig, config: TrainConfig) -> list[JudgedModel]:
    return train(
        task_network,
        DEFAULT_PROMPTS,
        [toy_source(*(toy_scene(name, i, frames=16) for i, name in enumerate("abc")))],
        HeldOut(validation=[toy_scene("d", 3, frames=16)]),
        data=DATA,
        config=config,
        seed=0,
        workdir=workdir,
        regime=MetaTraining(meta),
    )


def learned(workdir: Path) -> dict[str, np.ndarray]:
    return load_file(workdir / "model" / "weights.safetensors")


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    folder = Path(sys.argv[1])
    episodes = EpisodeConfig(tasks=8, shots=2, queries=1, gap=1)
    for name, data, abreast in (("one", 1, 8), ("one_by_one", 1, 1), ("eight", 8, 1)):
        config = train_config(steps=2, mesh=MeshConfig(data=data))
        meta_train(folder / name, meta_config("meta_sgd", episodes=episodes, abreast=abreast), config)
