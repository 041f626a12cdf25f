import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jvlgs_jax.simulation.spectral_noise import evolving_noise, power_law

SIZE = (64, 96)


def noise(drift=(0.0, 0.0), change=0.0):
    amplitude = power_law(SIZE, slope=2.0, largest=30.0)
    return evolving_noise(jax.random.key(3), amplitude, drift=jnp.array(drift), change=jnp.float32(change))


def test_both_fields_have_unit_variance_and_are_unlike():
    fields = np.asarray(noise().at(jnp.float32(0)))
    assert fields.var(axis=(1, 2)) == pytest.approx([1, 1], rel=0.35)
    assert abs(np.corrcoef(fields[0].ravel(), fields[1].ravel())[0, 1]) < 0.3


def test_drifting_noise_moves_without_changing():
    drifting = noise(drift=(1.0, 2.0))
    start, later = (np.asarray(drifting.at(jnp.float32(t))) for t in (0, 5))
    np.testing.assert_allclose(later, np.roll(start, (5, 10), axis=(1, 2)), atol=1e-3)


def test_changing_noise_forgets_its_shape_slowly():
    changing = noise(change=0.2)
    start, soon, later = (np.asarray(changing.at(jnp.float32(t)))[0].ravel() for t in (0, 1, 100))
    assert np.corrcoef(start, soon)[0, 1] > 0.95
    assert np.corrcoef(start, later)[0, 1] < 0.6


def test_structures_are_longer_along_the_stretch():
    amplitude = power_law(SIZE, slope=2.0, largest=20.0, stretch=4.0, along=(0.0, 1.0))
    field = np.asarray(
        evolving_noise(jax.random.key(0), amplitude, drift=jnp.zeros(2), change=jnp.float32(0)).at(jnp.float32(0))
    )[0]
    down, across = np.abs(np.diff(field, axis=0)).mean(), np.abs(np.diff(field, axis=1)).mean()
    assert down > 2 * across
