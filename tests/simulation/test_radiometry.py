import jax.numpy as jnp
import numpy as np
import pytest

from jvlgs_jax.simulation.radiometry import opacity, optical_depth, seen_through


def test_thin_gas_absorbs_in_proportion_to_its_depth():
    depth = jnp.array([1e-4, 2e-4, 4e-4])
    np.testing.assert_allclose(np.asarray(opacity(depth)), np.asarray(depth), rtol=1e-3)


def test_thick_gas_shows_its_own_temperature():
    assert float(seen_through(jnp.float32(-40.0), jnp.float32(5.0), jnp.float32(20.0))) == pytest.approx(5.0)


@pytest.mark.parametrize(("background", "sign"), [(-30.0, 1), (5.0, 0), (20.0, -1)])
def test_contrast_follows_the_difference_of_gas_and_background(background, sign):
    seen = seen_through(jnp.float32(background), jnp.float32(5.0), jnp.float32(0.5))
    assert np.sign(float(seen) - background) == sign


def test_two_layers_of_one_gas_add_their_depths():
    background, gas = jnp.float32(-20.0), jnp.float32(3.0)
    twice = seen_through(seen_through(background, gas, jnp.float32(0.3)), gas, jnp.float32(0.4))
    assert float(twice) == pytest.approx(float(seen_through(background, gas, jnp.float32(0.7))), rel=1e-5)


def test_optical_depth_undoes_opacity():
    depth = jnp.array([0.0, 0.01, 0.5, 3.0])
    np.testing.assert_allclose(np.asarray(optical_depth(opacity(depth))), np.asarray(depth), rtol=1e-4, atol=1e-7)
