import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.models.decoder import DetailMaps, FineFpnDecoder, PairFusion


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


@pytest.mark.slow
def test_detail_of_one_frame_sharpens_both_of_its_pairs(randomized):
    decoder = randomized(nnx.eval_shape(lambda: FineFpnDecoder(4, rngs=nnx.Rngs(0))))
    decoder.eval()
    coarser = [jnp.zeros((1, 2, side, side, 4)) for side in (8, 4, 2)]
    half, quarter = jnp.zeros((1, 1, 32, 32, 2)), jnp.zeros((1, 1, 16, 16, 4))
    plain = decoder([half, quarter, *coarser], (32, 32))

    def reached(half: jax.Array, quarter: jax.Array) -> np.ndarray:
        shown = decoder([half, quarter, *coarser], (32, 32)) - plain
        np.testing.assert_allclose(shown[:, 0], shown[:, 1])
        rows, columns = np.nonzero(np.abs(shown[0, 0, ..., 0]) > 1e-6)
        return np.array([rows.min(), rows.max(), columns.min(), columns.max()])

    # One 3 x 3 layer at stride 2, after two at stride 4 and a resizing between them.
    assert (np.abs(reached(half.at[:, :, 9, 5].set(3.0), quarter) - [9, 9, 5, 5]) <= 1).all()
    assert (np.abs(reached(half, quarter.at[:, :, 9, 5].set(3.0)) - [18, 19, 10, 11]) <= 6).all()


def test_the_detail_maps_see_single_pixels_of_the_input(randomized):
    details = randomized(nnx.eval_shape(lambda: DetailMaps(8, 4, rngs=nnx.Rngs(0))))
    details.eval()
    frames, encoded = jnp.zeros((1, 1, 32, 64, 3)), jnp.zeros((1, 1, 8, 16, 8))
    half, quarter = details(frames, encoded)
    assert half.shape == (1, 1, 16, 32, 2)
    assert quarter.shape == (1, 1, 8, 16, 4)
    for level, before in zip(details(frames.at[0, 0, 11, 40, 1].set(0.5), encoded), (half, quarter), strict=True):
        assert np.abs(level - before).max() > 1e-3
