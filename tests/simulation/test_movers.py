import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jvlgs_jax.simulation.config import DistractorConfig
from jvlgs_jax.simulation.draws import Draws
from jvlgs_jax.simulation.movers import MOVER_KINDS, MoverParameters, add_movers, draw_movers, travel
from jvlgs_jax.simulation.scenery import MARGIN

PLACE = 60  # row and column in the frame


def standing(kind: str, size: float = 60.0) -> MoverParameters:
    """One mover of `size` pixels, 10 kelvin warm, that stands still and faces right."""
    still = jnp.zeros((1, 2))
    return MoverParameters(
        kind=jnp.array([MOVER_KINDS.index(kind)]),
        present=jnp.array([True]),
        start=jnp.full((1, 2), float(PLACE)),
        velocity=still,
        wander=jnp.array([[0.0, 20.0, 0.0]]),
        size=jnp.array([size]),
        warmth=jnp.array([10.0]),
        swing=jnp.array([[20.0, jnp.pi / 2]]),
        near=jnp.array([True]),
    )


def at(picture, down: int, across: int) -> float:
    return float(picture[MARGIN + PLACE + down, MARGIN + PLACE + across])


def test_movers_have_parts_of_their_own_warmth():
    clear = jnp.full((160, 160), 1.0)
    car, covered = (np.asarray(image) for image in add_movers(clear, standing("vehicle"), jnp.float32(0)))
    window, body, bonnet, beside = at(car, -6, -7), at(car, 3, -18), at(car, 0, 17), at(car, -25, 0)
    assert window < beside == 1.0 < body < bonnet
    assert at(covered, 3, -18) == 1.0
    assert at(covered, -25, 0) == 0.0
    person = np.asarray(add_movers(clear, standing("person"), jnp.float32(0))[0])
    assert at(person, -24, 1) > at(person, -8, 0) > 1.0  # face and trunk
    assert at(person, 22, 0) == 1.0  # between legs in mid-stride


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "axis"), [("person", 0), ("vehicle", 1), ("bird", 1)])
@pytest.mark.parametrize("height", [240, 480])
def test_a_mover_of_half_the_picture_is_drawn_whole_at_the_rim_too(kind, axis, height):
    clear = jnp.full((height + 2 * MARGIN, height + 2 * MARGIN), 1.0)
    largest = standing(kind, size=0.51 * height)._replace(start=jnp.full((1, 2), 0.28 * height))
    covered = np.flatnonzero((np.asarray(add_movers(clear, largest, jnp.float32(0))[0]) != 1.0).any(axis=1 - axis))
    assert np.ptp(covered) > 0.9 * 0.51 * height


def test_no_mover_is_larger_than_half_the_picture():
    giants = DistractorConfig(mover_size=(9.0, 9.0), mover_count=20, moving=1.0)
    sizes = jax.jit(lambda key: draw_movers(Draws(key), giants, (240, 320), jnp.float32(100), 32).size)
    assert float(sizes(jax.random.key(0)).max()) == pytest.approx(0.51 * 240)


def test_travel_is_the_way_of_each_mover():
    movers = standing("person")._replace(velocity=jnp.array([[0.5, -2.0]]))
    np.testing.assert_allclose(travel(movers, jnp.array([0.0, 10.0])), [[[60, 60], [65, 40]]])
