import jax
import numpy as np
from flax import nnx

from jvlgs_jax.models.fusion import VisionLanguageFusion


def test_one_matrix_stands_for_the_three_steps():
    fusion = VisionLanguageFusion(channels=8, text_width=16, num_prompts=3, rngs=nnx.Rngs(0))
    text = jax.random.normal(jax.random.key(0), (3, 16))
    features = jax.random.normal(jax.random.key(1), (2, 4, 5, 8))
    similarity = fusion.visual(features) @ text.T  # one map a prompt
    np.testing.assert_allclose(features @ fusion.matrix(text), fusion.back(similarity), atol=1e-5)


def test_rank_is_at_most_the_number_of_prompts():
    fusion = VisionLanguageFusion(channels=8, text_width=16, num_prompts=2, rngs=nnx.Rngs(0))
    text = jax.random.normal(jax.random.key(0), (2, 16))
    assert np.linalg.matrix_rank(fusion.matrix(text), tol=1e-5) == 2
