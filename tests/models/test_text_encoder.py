import jax
import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.data.prompts import DEFAULT_PROMPTS, PromptTokens, tokenize
from jvlgs_jax.errors import UserError
from jvlgs_jax.models.text_encoder import TextEncoder, TextEncoderConfig


@pytest.fixture(scope="module")
def encoder(randomized):
    return randomized(nnx.eval_shape(lambda: TextEncoder(TextEncoderConfig.tiny(), rngs=nnx.Rngs(0))))


@pytest.mark.slow
def test_padding_changes_nothing(encoder):
    short = tokenize(DEFAULT_PROMPTS[:1])
    padded = PromptTokens(*(np.pad(x, ((0, 0), (0, 3))) for x in short))
    np.testing.assert_allclose(encoder(short), encoder(padded), atol=1e-5)


@pytest.mark.slow
def test_what_follows_the_end_of_text_changes_nothing(encoder):
    ids = np.array([[49406, 1579, 49407, 0], [49406, 1579, 49407, 6972]], np.int32)
    features = encoder(PromptTokens(ids, np.ones_like(ids)))
    np.testing.assert_allclose(features[0], features[1], atol=1e-5)


def test_prompts_do_not_see_each_other(encoder):
    tokens = tokenize(DEFAULT_PROMPTS)
    reversed_ = PromptTokens(tokens.ids[::-1].copy(), tokens.mask[::-1].copy())
    np.testing.assert_allclose(encoder(tokens)[::-1], encoder(reversed_), atol=1e-5)


def test_default_size_is_owlv2s():
    encoder = nnx.eval_shape(lambda: TextEncoder(TextEncoderConfig(), rngs=nnx.Rngs(0)))
    assert sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(nnx.state(encoder))) == 63_134_720


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"layers": 0}, "layers is 0, the least is 1: that of OWLv2 is 12"),
        ({"heads": 3}, "width is 512, it must be a multiple of heads, 3"),
    ],
)
def test_sizes_that_no_network_can_have(sizes: dict, message: str):
    with pytest.raises(UserError, match=f"model.text.{message}"):
        TextEncoderConfig(**sizes)
