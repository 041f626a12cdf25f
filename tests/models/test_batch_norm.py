import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jvlgs_jax.models.batch_norm import BatchNorm


def _layer(channels: int) -> BatchNorm:
    layer = BatchNorm(channels)
    layer.train()
    return layer


@pytest.mark.slow
@given(st.integers(1, 3), st.integers(1, 4), st.integers(2, 4), st.integers(0, 100))
@settings(max_examples=15)
def test_groups_are_passes_one_after_the_other(batch, groups, size, seed):
    x = np.random.default_rng(seed).normal(3, 2, (batch, groups, size, size, 2)).astype(np.float32)
    layer, mean, var = _layer(2), np.zeros(2), np.ones(2)
    found = layer(jnp.asarray(x))
    for g in range(groups):
        one = x[:, g].astype(np.float64)
        m, v = one.mean((0, 1, 2)), one.var((0, 1, 2))
        np.testing.assert_allclose(found[:, g], (one - m) / np.sqrt(v + 1e-5), atol=1e-4)
        mean = 0.9 * mean + 0.1 * m
        var = 0.9 * var + 0.1 * one.var((0, 1, 2), ddof=1)
    np.testing.assert_allclose(layer.mean[...], mean, rtol=1e-4)
    np.testing.assert_allclose(layer.var[...], var, rtol=1e-4)
    assert layer.count[...] == groups


def test_evaluation_uses_and_keeps_the_running_statistics():
    layer = _layer(3)
    layer.mean[...] = np.array([1, 2, 3], np.float32)
    layer.var[...] = np.array([4, 4, 4], np.float32)
    layer.eval()
    x = np.random.default_rng(0).standard_normal((1, 1, 2, 2, 3)).astype(np.float32)
    np.testing.assert_allclose(layer(jnp.asarray(x)), (x - [1, 2, 3]) / np.sqrt(4 + 1e-5), rtol=1e-5)
    assert layer.mean[...].tolist() == [1, 2, 3]
    assert layer.var[...].tolist() == [4, 4, 4]
    assert layer.count[...] == 0
