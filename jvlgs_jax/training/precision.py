"""Mixed precision: bfloat16 arithmetic on parameters that are kept, and changed, in float32."""

import jax.numpy as jnp
from flax import nnx

from jvlgs_jax.errors import UserError

PRECISIONS = {"float32": jnp.dtype("float32"), "bfloat16": jnp.dtype("bfloat16")}

# The part that stays in float32: the CLIP text model would take its softmax in the precision of its parameters, and
# for a few prompts speed is no matter.
TEXT_ENCODER = "text_encoder"


def compute_dtype(name: str) -> jnp.dtype:
    """Returns the dtype called `name`, one of PRECISIONS; UserError for any other name."""
    if name not in PRECISIONS:
        raise UserError(f"unknown precision {name!r}: the choices are {', '.join(PRECISIONS)}")
    return PRECISIONS[name]


def cast_parameters(state: nnx.State, dtype: jnp.dtype) -> nnx.State:
    """Returns `state` with its parameters in `dtype`, but for those of the text encoder and the running statistics."""

    def cast(path: tuple, variable: nnx.Variable) -> nnx.Variable:
        if path[0] == TEXT_ENCODER or not isinstance(variable, nnx.Param):
            return variable
        return variable.replace(variable.get_value().astype(dtype))

    return nnx.from_flat_state([(path, cast(path, variable)) for path, variable in nnx.to_flat_state(state)])
