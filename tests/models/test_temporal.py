import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.models.temporal import TemporalCorrelation


def _pair(height: int, width: int, channels: int = 4) -> tuple[jax.Array, jax.Array]:
    reference, other = jax.random.normal(jax.random.key(0), (2, 1, 2, height, width, channels))
    return reference, other


@pytest.mark.slow
def test_starts_as_the_identity_of_its_attention():
    """The projection starts at zero, as in the published program, so the first output has no attention in it."""
    layer = TemporalCorrelation(4, 2, rngs=nnx.Rngs(0))
    layer.eval()
    reference, other = _pair(4, 4)
    x = jnp.concatenate([reference, other], -1)
    expected = layer.out(layer.merge(jnp.concatenate([x, x], -1)))
    np.testing.assert_allclose(layer(reference, other), expected, atol=1e-5)


@pytest.mark.slow
def test_attends_to_max_pooled_keys():
    layer = TemporalCorrelation(4, 2, rngs=nnx.Rngs(0))
    layer.eval()
    layer.projection.kernel[...] = jax.random.normal(jax.random.key(1), (1, 1, 4, 8))
    reference, other = _pair(5, 4)  # the fifth row is left over and not pooled
    x = jnp.concatenate([reference, other], -1)
    value = np.asarray(layer.value(x))
    pooled = [
        a[:, :, :4].reshape(1, 2, 2, 2, 2, 2, -1).max((3, 5)).reshape(1, 2, 4, -1) for a in (np.asarray(x), value)
    ]
    scores = np.asarray(x).reshape(1, 2, 20, 8) @ pooled[0].swapaxes(-1, -2)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    y = (weights / weights.sum(-1, keepdims=True)) @ pooled[1]
    z = x + layer.projection(jnp.asarray(y.reshape(1, 2, 5, 4, 4)))
    expected = layer.out(layer.merge(jnp.concatenate([x, z], -1)))
    np.testing.assert_allclose(layer(reference, other), expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (2, 9), (8, 3)])
def test_maps_smaller_than_the_pool_keep_one_key(size):
    layer = TemporalCorrelation(4, 8, rngs=nnx.Rngs(0))
    layer.eval()
    out = layer(*_pair(*size))
    assert out.shape == (1, 2, *size, 4)
    assert np.isfinite(out).all()
