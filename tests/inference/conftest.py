import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.data.prompts import DEFAULT_PROMPTS
from jvlgs_jax.interop.model_folder import ModelBundle, abstract_model
from jvlgs_jax.interop.parameters import flatten, replace
from jvlgs_jax.models.jvlgs import JvlgsConfig


def random_bundle(seed):
    """A tiny network with random weights, drawn by NumPy: compiling its initializers would take longer than its use."""
    graphdef, state = nnx.split(abstract_model(JvlgsConfig.tiny()))
    rng = np.random.default_rng(seed)

    def draw(path, shape):
        if path.endswith(("scale", "var")):
            return rng.uniform(0.5, 1.5, shape)
        return rng.normal(0, 1 / np.sqrt(np.prod(shape[:-1])), shape)

    arrays = {path: draw(path, abstract.shape).astype(abstract.dtype) for path, abstract in flatten(state).items()}
    model = nnx.merge(graphdef, replace(state, arrays))
    return ModelBundle(model=model, prompts=DEFAULT_PROMPTS, planes="rgb", input_size=(64, 96))


@pytest.fixture(scope="module", autouse=True)
def _compiled_quickly(compiled_quickly):
    """All files alike, so that they share what they compile."""


@pytest.fixture(scope="package")
def bundle():
    """A tiny network, in training mode, for raw frames of any size."""
    return random_bundle(seed=0)
