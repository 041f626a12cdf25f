import math

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from jvlgs_jax.kernels.cross_attention.shapes import all_shapes, network_shapes
from jvlgs_jax.models import fusion, pvt_v2, temporal
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig
from jvlgs_jax.models.pvt_v2 import PvtV2Config
from jvlgs_jax.models.text_encoder import TextEncoderConfig


@pytest.fixture
def asked(monkeypatch):
    """What the network asks of attention, traced and not run."""
    found = []

    def attend(query, key, value, *, scale, implementation):
        assert implementation == "reference"
        found.append((query.shape, key.shape, value.shape))
        return jnp.zeros((*query.shape[:-1], value.shape[-1]))

    for module in (fusion, pvt_v2, temporal):
        monkeypatch.setattr(module, "cross_attention", attend)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "size"), [("b5", (352, 352)), ("b0", (256, 320))])
def test_they_are_what_the_network_asks_for(encoder: str, size: tuple[int, int], asked):
    config = JvlgsConfig(encoder=PvtV2Config.variant(encoder), text=TextEncoderConfig.tiny(), fusion="prompt_attention")

    def call(clip):
        model = Jvlgs(config, rngs=nnx.Rngs(0))
        model.eval()
        model.set_attributes(implementation="reference")
        return model(clip, jnp.zeros((4, config.text.width))).logits

    jax.eval_shape(call, jax.ShapeDtypeStruct((1, 3, *size, 3), jnp.float32))
    shapes = network_shapes(encoder, size, 1)
    # Correlation has two leading axes, and attention to prompts, which all positions share, none.
    flat = {tuple((math.prod(x[:-3]), *x[-3:]) for x in arrays) for arrays in asked}
    assert flat == {tuple(shape.arrays().values()) for shape in shapes}
    stages = [shape.calls for shape in shapes if "stage" in shape.name]
    assert stages == list(config.encoder.depths)


def test_all_of_them_have_names_of_their_own():
    names = [shape.name for shape in all_shapes()]
    assert len(names) == len(set(names)) == 2 * 3 * (3 * 4 + 3 + 3)


def test_arithmetic_is_counted_from_shapes():
    shape = network_shapes("b5", (352, 352), 1)[0]
    assert shape.flops == 2 * 3 * 7744 * 121 * (64 + 64)
    assert shape.gradient_flops == shape.flops + 2 * 3 * 7744 * 121 * 5 * 64


def test_smaller_ones_keep_heads_and_widths():
    large = network_shapes("b5", (352, 352), 32)[2]
    small = large.smaller(queries=50, keys=20)
    assert (small.heads, small.width, small.value_width) == (5, 64, 64)
    assert small.queries <= 50
    assert small.keys <= 20
    assert small.batch == 2
