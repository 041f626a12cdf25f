import jax.numpy as jnp
import numpy as np

from jvlgs_jax.simulation.movers import MOVER_KINDS, MoverParameters, add_movers
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


def test_a_person_of_half_the_picture_is_drawn_whole_at_the_rim_too():
    clear = jnp.full((160, 160), 1.0)
    person = np.asarray(add_movers(clear, standing("person", size=110.0), jnp.float32(0))[0])
    rows = np.flatnonzero((person != 1.0).any(axis=1))
    assert np.ptp(rows) > 0.9 * 110
