import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.interop.parameters import flatten, replace


@pytest.fixture(scope="session")
def randomized():
    """Fills an abstract module with noise: quicker than compiling its initializers."""

    def fill(module: nnx.Module, seed: int = 0) -> nnx.Module:
        rng = np.random.default_rng(seed)
        graphdef, state = nnx.split(module)

        def draw(path: str, shape: tuple[int, ...]) -> np.ndarray:
            if path.endswith(("scale", "var")):
                return rng.uniform(0.5, 1.5, shape)
            return rng.normal(0, 1 / np.sqrt(max(np.prod(shape[:-1]), 1)), shape)

        arrays = {path: draw(path, leaf.shape).astype(leaf.dtype) for path, leaf in flatten(state).items()}
        return nnx.merge(graphdef, replace(state, arrays))

    return fill
