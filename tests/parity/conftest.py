"""The published network at depth 1 with stand-in weights, in either precision."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import recipe
from flax import nnx

from jvlgs_jax.data.prompts import DEFAULT_PROMPTS, PromptTokens, tokenize
from jvlgs_jax.interop.convert import from_published
from jvlgs_jax.interop.families import recognise
from jvlgs_jax.interop.model_folder import abstract_model
from jvlgs_jax.interop.parameters import replace
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig

HERE = Path(__file__).parent
SEED, BATCH, SIZE = 11, 2, 352


@dataclasses.dataclass(frozen=True)
class Case:
    """One network with its inputs."""

    config: JvlgsConfig
    model: Jvlgs
    clip: jax.Array
    mask: jax.Array
    tokens: PromptTokens


@pytest.fixture(scope="session")
def published_state() -> dict[str, np.ndarray]:
    """A published state dict of depth 1, with two text layers."""
    shapes = json.loads((HERE / "state_dict_shapes.json").read_text(encoding="utf-8"))
    return recipe.make_state_dict(shapes, SEED)


@pytest.fixture(scope="session")
def make_case(published_state):
    """Builds the network in float32 or float64 (the latter inside `jax.enable_x64`)."""
    family = recognise(published_state, "published")
    config = family.config({key: value.shape for key, value in published_state.items()})
    arrays = from_published(family, config, published_state, "published")

    def make(dtype: type) -> Case:
        def cast(x: np.ndarray) -> np.ndarray:
            return x.astype(dtype) if x.dtype == np.float32 else x

        graphdef, state = nnx.split(abstract_model(config))
        model = nnx.merge(graphdef, replace(state, {path: cast(x) for path, x in arrays.items()}))
        clip, mask = recipe.make_clip(SEED, BATCH, SIZE), recipe.make_mask(SEED, BATCH, SIZE)
        return Case(config, model, jnp.asarray(cast(clip)), jnp.asarray(cast(mask)), tokenize(DEFAULT_PROMPTS))

    return make


@pytest.fixture(scope="session")
def float32_noise():
    """Random deviations such as float32 arithmetic leaves in the encoder's features.

    Their root mean square is two millionths of the features' standard deviation, a fiftieth of the parity bound. The
    frozen features and their fused maps differ from float64 by up to 5 and 9 millionths: the largest of 60,000 normal
    numbers is 4.3 times their root mean square.
    """

    def noise(features: list[jax.Array], seed: int) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        return [2e-6 * float(x.std()) * rng.standard_normal(x.shape) for x in features]

    return noise
