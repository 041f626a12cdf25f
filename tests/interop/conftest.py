import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.interop import tables
from jvlgs_jax.interop.model_folder import abstract_model
from jvlgs_jax.interop.parameters import flatten
from jvlgs_jax.models.jvlgs import JvlgsConfig
from jvlgs_jax.models.pvt_v2 import PvtV2Config
from jvlgs_jax.models.text_encoder import TextEncoderConfig


@pytest.fixture(scope="session")
def config():
    """Small, with the published heads, head sizes and reductions, which the files do not state."""
    return JvlgsConfig(
        encoder=PvtV2Config(dims=(8, 16, 40, 64), depths=(1, 3, 2, 1), mlp_ratios=(2, 2, 3, 2)),
        text=TextEncoderConfig(width=64, mlp_width=96, layers=2, heads=1, positions=7, vocabulary=50),
        channels=4,
        num_prompts=4,
    )


@pytest.fixture(scope="session")
def make_state(config):
    """Random published tensors of a family, made by a function of `tables`."""
    abstract = flatten(nnx.state(abstract_model(config)))

    def make(tensors_of) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(0)
        state = {}
        for tensor in tensors_of(config):
            if tensor.ours in abstract:
                leaf = abstract[tensor.ours]
                shape = leaf.shape if tensor.layer is None else leaf.shape[1:]
                state[tensor.theirs] = tensor.layout.to_theirs(rng.normal(0, 9, shape).astype(leaf.dtype))
        return state

    return make


@pytest.fixture(scope="session")
def published(make_state):
    """A whole published state dict."""
    return make_state(tables.jvlgs)
