import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

from jvlgs_jax.kernels.cross_attention import cross_attention


def _arrays(batch: int, queries: int, keys: int, heads: int, width: int, value_width: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    shapes = [(batch, queries, heads, width), (batch, keys, heads, width), (batch, keys, heads, value_width)]
    return [jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in shapes]


def _by_hand(query: np.ndarray, key: np.ndarray, value: np.ndarray, scale: float) -> np.ndarray:
    out = np.zeros((*query.shape[:3], value.shape[-1]))
    for b, n, h in np.ndindex(*query.shape[:3]):
        scores = scale * key[b, :, h].astype(np.float64) @ query[b, n, h]
        weights = np.exp(scores - scores.max())
        out[b, n, h] = weights @ value[b, :, h] / weights.sum()
    return out


@pytest.mark.slow
@given(st.integers(1, 2), st.integers(1, 7), st.integers(1, 5), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=15)
def test_is_the_softmax_weighted_mean_of_values(batch, queries, keys, heads, width, value_width):
    query, key, value = _arrays(batch, queries, keys, heads, width, value_width)
    found = cross_attention(query, key, value, scale=0.7)
    np.testing.assert_allclose(found, _by_hand(*map(np.asarray, (query, key, value)), 0.7), atol=1e-5)


def test_one_key_returns_its_value():
    query, key, value = _arrays(2, 5, 1, 2, 4, 3)
    found = cross_attention(query, key, value, scale=1.0)
    np.testing.assert_allclose(found, np.broadcast_to(value, (2, 5, 2, 3)), rtol=1e-6)


def test_large_scores_stay_finite():
    query, key, value = _arrays(1, 4, 3, 1, 8, 2)
    found = cross_attention(1e4 * query, 1e4 * key, value, scale=1.0)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_keeps_the_values_dtype(dtype):
    query, key, value = (jnp.asarray(x, dtype) for x in _arrays(1, 3, 2, 1, 4, 4))
    assert cross_attention(query, key, value, scale=1.0).dtype == dtype


def test_gradient_matches_finite_differences():
    query, key, value = _arrays(1, 3, 2, 1, 4, 2)
    with jax.enable_x64(True):
        arrays = [jnp.asarray(x, jnp.float64) for x in (query, key, value)]
        check_grads(lambda *x: cross_attention(*map(jnp.asarray, x), scale=0.5), arrays, order=1, modes=["rev"])
