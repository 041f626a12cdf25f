"""A module's variables as a flat dictionary of paths such as "decoder/head/kernel"."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx


def flatten(state: nnx.State) -> dict[str, Any]:
    """Path to array (or abstract array) of every variable, in the order of the tree."""
    return {"/".join(map(str, path)): variable.get_value() for path, variable in nnx.to_flat_state(state)}


def replace(state: nnx.State, arrays: Mapping[str, np.ndarray]) -> nnx.State:
    """A copy of `state` whose variables named in `arrays` hold those values; others are unchanged."""

    def value(path: tuple, variable: nnx.Variable) -> nnx.Variable:
        name = "/".join(map(str, path))
        return variable.replace(jnp.asarray(arrays[name])) if name in arrays else variable

    return nnx.from_flat_state([(path, value(path, variable)) for path, variable in nnx.to_flat_state(state)])
