import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jvlgs_jax.simulation.flow import Velocity
from jvlgs_jax.simulation.transport import carry


def uniform_wind(height: int, width: int, *, across: float, down: float) -> Velocity:
    return Velocity(jnp.full((height, width + 1), across), jnp.full((height + 1, width), down))


def blob(height: int, width: int, row: float, column: float, radius: float) -> jax.Array:
    y, x = jnp.mgrid[:height, :width]
    return jnp.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * radius**2)).astype(jnp.float32)


def test_a_blob_travels_with_the_wind_and_keeps_its_height():
    density = blob(48, 96, 20, 15, 4)
    wind = uniform_wind(48, 96, across=0.6, down=0.1)
    density = jax.lax.fori_loop(0, 100, lambda _, density: carry(density, wind, 0.0, step=1.0), density)
    row, column = np.unravel_index(int(jnp.argmax(density)), density.shape)
    assert (row, column) == pytest.approx((30, 75), abs=1)
    assert float(density.max()) > 0.8


@pytest.mark.slow
def test_density_never_turns_negative_and_never_overshoots():
    density = (blob(48, 96, 24, 20, 6) > 0.5).astype(jnp.float32)
    wind = uniform_wind(48, 96, across=0.7, down=-0.1)
    for _ in range(60):
        density = carry(density, wind, 0.0, step=1.0)
        assert float(density.min()) >= -1e-6
        assert float(density.max()) <= 1 + 1e-5


@pytest.mark.slow
def test_gas_leaves_through_the_far_edge_and_none_comes_back():
    density = blob(32, 32, 16, 24, 2)
    for _ in range(40):
        density = carry(density, uniform_wind(32, 32, across=0.8, down=0.0), 0.0, step=1.0)
    assert float(density.sum()) < 1e-3


@pytest.mark.slow
def test_diffusion_widens_a_blob_as_the_heat_equation_says():
    density, diffusivity, frames = blob(65, 65, 32, 32, 3), 0.2, 80
    mass = float(density.sum())
    for _ in range(frames):
        density = carry(density, uniform_wind(65, 65, across=0.0, down=0.0), diffusivity, step=1.0)
    y = np.arange(65) - 32
    variance = float((np.asarray(density) * y[:, None] ** 2).sum()) / mass
    assert variance == pytest.approx(9 + 2 * diffusivity * frames, rel=0.02)
    assert float(density.sum()) == pytest.approx(mass, rel=1e-5)
