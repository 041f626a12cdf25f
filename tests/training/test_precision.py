import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from jvlgs_jax.data.prompts import DEFAULT_PROMPTS, tokenize
from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.parameters import flatten
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig
from jvlgs_jax.training.precision import cast_parameters, compute_dtype

BFLOAT16 = jnp.dtype("bfloat16")


def tiny_network() -> Jvlgs:
    return Jvlgs(JvlgsConfig.tiny(), rngs=nnx.Rngs(0))


def test_parameters_are_cast_but_not_text_and_statistics():
    cast = jax.eval_shape(lambda: cast_parameters(nnx.state(tiny_network()), BFLOAT16))
    for path, value in flatten(cast).items():
        kept = path.startswith("text_encoder/") or path.endswith(("/mean", "/var", "/count"))
        assert (value.dtype == BFLOAT16) != kept, path


@pytest.mark.slow
def test_no_part_of_the_network_falls_back_to_float32():
    """A single float32 array that meets the activations would silently make all that follows float32."""

    def logits(clip: jax.Array) -> tuple[list[jax.Array], jax.Array]:
        model = tiny_network()
        text = model.encode_text(tokenize(DEFAULT_PROMPTS))
        graphdef, state = nnx.split(model)
        model = nnx.merge(graphdef, cast_parameters(state, BFLOAT16))
        features = model.encode_video(clip)
        return features, model.segment(features, text, (32, 32)).logits

    features, found = jax.eval_shape(logits, jax.ShapeDtypeStruct((1, 3, 32, 32, 3), BFLOAT16))
    assert [x.dtype for x in features] == [BFLOAT16] * 3
    assert found.dtype == BFLOAT16


def test_an_unknown_name():
    with pytest.raises(UserError, match="unknown precision 'float16': the choices are float32, bfloat16"):
        compute_dtype("float16")
