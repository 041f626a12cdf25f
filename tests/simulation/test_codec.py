import jax.numpy as jnp
import numpy as np

from jvlgs_jax.simulation.codec import transmit


def test_a_fine_quantiser_keeps_the_frame():
    frame = np.random.default_rng(0).uniform(0, 255, (16, 24)).astype(np.float32)
    decoded = transmit(jnp.asarray(frame), jnp.full((16, 24), 128.0), jnp.float32(0.05))
    np.testing.assert_allclose(np.asarray(decoded), frame, atol=0.3)


def test_noise_below_the_dead_zone_leaves_the_last_frame_standing():
    last = jnp.full((16, 24), 90.0)
    noisy = last + np.random.default_rng(0).normal(0, 0.5, (16, 24)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(transmit(noisy, last, jnp.float32(10.0))), np.asarray(last))


def test_only_the_blocks_that_changed_are_coded():
    last = jnp.full((16, 24), 90.0)
    decoded = np.asarray(transmit(last.at[:8, 8:16].add(40.0), last, jnp.float32(4.0)))
    assert (decoded[:8, 8:16] > 125).all()
    assert (np.delete(decoded, slice(8, 16), axis=1) == 90).all()
