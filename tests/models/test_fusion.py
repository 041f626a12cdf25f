import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.models.fusion import PromptAttention, VisionLanguageFusion


@pytest.mark.slow
def test_one_matrix_stands_for_the_three_steps():
    fusion = VisionLanguageFusion(channels=8, text_width=16, num_prompts=3, rngs=nnx.Rngs(0))
    text = jax.random.normal(jax.random.key(0), (3, 16))
    features = jax.random.normal(jax.random.key(1), (2, 4, 5, 8))
    similarity = fusion.visual(features) @ text.T  # one map a prompt
    np.testing.assert_allclose(fusion(text)(features), fusion.back(similarity), atol=1e-5)


def test_rank_is_at_most_the_number_of_prompts():
    fusion = VisionLanguageFusion(channels=8, text_width=16, num_prompts=2, rngs=nnx.Rngs(0))
    text = jax.random.normal(jax.random.key(0), (2, 16))
    assert np.linalg.matrix_rank(fusion.matrix(text), tol=1e-5) == 2


def _attend(module, text, features):
    return module(text)(features)


@pytest.fixture(scope="module")
def attention(randomized):
    module = randomized(nnx.eval_shape(lambda: PromptAttention(channels=8, text_width=16, heads=2, rngs=nnx.Rngs(0))))
    return lambda text: lambda features: nnx.jit(_attend)(module, text, features)


@pytest.fixture(scope="module")
def features():
    return jax.random.normal(jax.random.key(1), (2, 4, 5, 8))


@pytest.mark.slow
def test_attention_takes_prompts_in_any_order_and_number(attention, features):
    text = jax.random.normal(jax.random.key(0), (3, 16))
    fused = attention(text)(features)
    np.testing.assert_allclose(attention(text[::-1])(features), fused, atol=1e-5)
    # Saying everything twice adds nothing.
    np.testing.assert_allclose(attention(jnp.concatenate([text, text]))(features), fused, atol=1e-5)
    assert np.abs(attention(text[:1])(features) - fused).max() > 1e-3


def test_attention_keeps_what_the_features_hold_beside_the_prompts(attention, features):
    # With one prompt every position attends to it alike: what is added is the same everywhere.
    text = jax.random.normal(jax.random.key(0), (1, 16))
    added = attention(text)(features) - features
    np.testing.assert_allclose(added, jnp.broadcast_to(added[:1, :1, :1], added.shape), atol=1e-5)
    assert np.abs(added).max() > 1e-3
