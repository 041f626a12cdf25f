import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jvlgs_jax.simulation.flow import FlowParameters, Velocity, divergence, eddies, slowed, velocity

SIZE = (64, 80)


def flow(**changes) -> FlowParameters:
    values = {
        "wind": jnp.array([-0.2, 0.8]),
        "shear": jnp.float32(0.3),
        "gust": jnp.array([0.2, 0.1]),
        "gust_period": jnp.array([60.0, 90.0]),
        "gust_phase": jnp.array([0.0, 1.0]),
        "updraught": jnp.float32(0.4),
        "updraught_width": jnp.float32(8.0),
        "source": jnp.array([40.0, 12.0]),
        "turbulence": jnp.float32(0.3),
        "eddy_size": jnp.float32(30.0),
        "eddy_change": jnp.float32(0.1),
        "obstacle": jnp.array([30.0, 30.0, 6.0]),
        "key": jax.random.key(1),
    }
    return FlowParameters(**(values | changes))


@jax.jit
def wind_of(flow: FlowParameters, time: float) -> Velocity:
    return velocity(flow, eddies(flow, SIZE), time)


@pytest.mark.slow
@pytest.mark.parametrize("time", [0.0, 17.0, 400.0])
def test_wind_is_incompressible(time):
    wind = wind_of(flow(), time)
    assert float(jnp.abs(divergence(wind)).max()) < 1e-4  # the bound stated in docs/simulation.md


@pytest.mark.parametrize(("fastest", "factor"), [(0.2, 0.25), (0.8, 1.0), (2.0, 1.0)])
def test_a_wind_that_is_too_fast_is_slowed_as_a_whole(fastest, factor):
    wind = Velocity(jnp.array([[0.8, -0.4]]), jnp.array([[0.1], [0.3]]))
    slow, by = slowed(wind, fastest)
    assert float(by) == pytest.approx(factor)
    for changed, drawn in zip(slow, wind, strict=True):
        np.testing.assert_allclose(changed, factor * drawn)


@pytest.mark.slow
def test_eddies_have_the_deviation_asked_for():
    calm = flow(wind=jnp.zeros(2), gust=jnp.zeros(2), updraught=jnp.float32(0), obstacle=jnp.zeros(3))
    wind = wind_of(calm, 5.0)
    mean_square = float((wind.across**2).mean() + (wind.down**2).mean()) / 2
    assert mean_square**0.5 == pytest.approx(0.3, rel=0.3)


def test_no_wind_crosses_an_obstacle():
    wind = wind_of(flow(), 3.0)
    assert float(jnp.abs(wind.across[28:32, 28:32]).max()) == 0
    assert float(jnp.abs(wind.down[28:32, 28:32]).max()) == 0


def test_updraught_lifts_air_over_the_source_alone():
    still = flow(wind=jnp.zeros(2), gust=jnp.zeros(2), turbulence=jnp.float32(0), obstacle=jnp.zeros(3))
    wind = wind_of(still, 0.0)
    assert float(wind.down[20, 12]) == pytest.approx(-0.4, rel=0.05)
    assert abs(float(wind.down[20, 60])) < 1e-3
