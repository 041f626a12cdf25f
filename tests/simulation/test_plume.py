import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jvlgs_jax.simulation.flow import FlowParameters
from jvlgs_jax.simulation.plume import (
    GRID,
    PlumeParameters,
    advance,
    clean_air,
    plume_fields,
    release,
)

RADIUS, SPEED = 1.5, 0.8


def steady(**changes) -> PlumeParameters:
    """A round, steady source in an even wind to the right, whose gas never decays."""
    flow = FlowParameters(
        wind=jnp.array([0.0, SPEED]),
        shear=jnp.float32(0),
        gust=jnp.zeros(2),
        gust_period=jnp.full(2, 60.0),
        gust_phase=jnp.zeros(2),
        updraught=jnp.float32(0),
        updraught_width=jnp.float32(8),
        source=jnp.array([48.0, 14.0]),
        turbulence=jnp.float32(0),
        eddy_size=jnp.float32(20),
        eddy_change=jnp.float32(0.1),
        obstacle=jnp.zeros(3),
        key=jax.random.key(0),
    )
    plume = PlumeParameters(**dict.fromkeys(PlumeParameters._fields))._replace(
        flow=flow,
        onset=jnp.float32(-10),
        stop=jnp.float32(1e9),
        kind=jnp.int32(0),
        radius=jnp.float32(RADIUS),
        second=jnp.zeros(3),
        intermittency=jnp.float32(0),
        puff_period=jnp.full(2, 20.0),
        puff_phase=jnp.zeros(2),
        diffusivity=jnp.float32(0.0),
        lifetime=jnp.float32(jnp.inf),
        flapping=jnp.float32(0),
        wisp_scale=jnp.float32(10),
        key=jax.random.key(1),
    )
    return plume._replace(**changes)


@jax.jit
def flown(plume: PlumeParameters, frames: int) -> jax.Array:
    """The density after so many frames."""
    fields = plume_fields(plume)

    def step(frame, density):
        return advance(density, plume, fields, frame.astype(jnp.float32))

    return jax.lax.fori_loop(0, frames, step, clean_air())


def wind(**changes) -> FlowParameters:
    return steady().flow._replace(**changes)


def test_all_that_was_released_is_there_while_none_flows_out():
    turbulent = wind(turbulence=jnp.float32(0.2), updraught=jnp.float32(0.1))
    plume = steady(flow=turbulent, diffusivity=jnp.float32(0.05))
    once, later = (float(flown(plume, frames).sum()) for frames in (1, 60))
    assert once == pytest.approx(SPEED * np.sqrt(2 * np.pi) * RADIUS, rel=1e-3)
    assert later == pytest.approx(60 * once, rel=1e-3)


def test_a_steady_plume_has_the_widths_of_k_theory():
    # A point source in a steady wind: variance across the wind is 2 K x / U, on top of the source's own.
    diffusivity = 0.15
    density = np.asarray(flown(steady(diffusivity=jnp.float32(diffusivity)), 200))
    offsets = np.arange(GRID) - 48
    for distance in (20, 40, 60):
        profile = density[:, 14 + distance]
        width = np.sqrt((profile * offsets**2).sum() / profile.sum())
        assert width == pytest.approx(np.sqrt(RADIUS**2 + 2 * diffusivity * distance / SPEED), rel=0.1)
        assert profile.sum() == pytest.approx(np.sqrt(2 * np.pi) * RADIUS, rel=0.05)  # as dense as where it left


def test_gas_decays_with_its_lifetime():
    whole, thinned = flown(steady(), 60), flown(steady(lifetime=jnp.float32(40)), 60)
    for distance in (10, 30):
        share = float(thinned[48, 14 + distance] / whole[48, 14 + distance])
        assert share == pytest.approx(np.exp(-distance / SPEED / 40), rel=0.05)


def test_gas_is_no_denser_in_a_wind_that_is_slowed():
    fast = wind(wind=jnp.array([0.0, 3.2]))
    slow, fastest = flown(steady(), 40), flown(steady(flow=fast), 40)
    assert float(fastest[48, 14:40].max()) == pytest.approx(float(slow[48, 14:40].max()), rel=0.05)


def test_a_puffing_source_gives_off_gas_from_onset_to_stop():
    times = jnp.arange(-5.0, 60)
    for phase in np.linspace(0, 2 * np.pi, 9, dtype=np.float32):
        puffing = steady(
            onset=jnp.float32(3),
            stop=jnp.float32(50),
            intermittency=jnp.float32(1),
            puff_phase=jnp.full(2, phase),
        )
        rates = np.asarray(jax.vmap(release, in_axes=(None, 0))(puffing, times))
        np.testing.assert_array_equal(rates > 0, (times >= 3) & (times < 50))
