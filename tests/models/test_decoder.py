import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.models.decoder import FineFpnDecoder, PairFusion


@pytest.mark.slow
@pytest.mark.parametrize("size", [(16, 23), (7, 9), (6, 32), (3, 3)])
def test_pair_fusion_is_its_three_layers_up_to_the_border(randomized, size):
    fusion = randomized(nnx.eval_shape(lambda: PairFusion(4, rngs=nnx.Rngs(0))))
    logits = jax.random.normal(jax.random.key(1), (2, 2, *size, 1))

    def layered(fusion, logits):
        x = jnp.moveaxis(logits[..., 0], 1, -1)
        for layer in fusion.layers:
            x = layer(x)
        return x

    np.testing.assert_allclose(fusion(logits), layered(fusion, logits), atol=1e-5)

    def gradients(forward):
        return nnx.grad(lambda *given: jnp.sin(forward(*given)).sum(), argnums=(0, 1))(fusion, logits)

    expected = jax.tree.leaves(gradients(layered))
    for ours, theirs in zip(jax.tree.leaves(gradients(PairFusion.__call__)), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_detail_of_one_frame_sharpens_both_of_its_pairs(randomized):
    decoder = randomized(nnx.eval_shape(lambda: FineFpnDecoder(4, rngs=nnx.Rngs(0))))
    decoder.eval()
    coarser = [jnp.zeros((1, 2, side, side, 4)) for side in (8, 4, 2)]
    detail = jnp.zeros((1, 1, 16, 16, 4)).at[:, :, 9, 5].set(3.0)
    shown = decoder([detail, *coarser], (16, 16)) - decoder([jnp.zeros_like(detail), *coarser], (16, 16))
    np.testing.assert_allclose(shown[:, 0], shown[:, 1])
    # Two 3 x 3 layers at stride 4: nothing further than two cells away has changed, the coarse levels as little.
    reached = np.abs(shown[0, 0, ..., 0]) > 1e-6
    assert reached[9, 5]
    assert not reached[:7].any()
    assert not reached[:, 8:].any()
