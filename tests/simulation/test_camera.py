import jax
import jax.numpy as jnp
import numpy as np

from jvlgs_jax.simulation.camera import aim, draw_camera
from jvlgs_jax.simulation.config import CameraConfig
from jvlgs_jax.simulation.draws import Draws
from jvlgs_jax.simulation.scenery import SceneryParameters


def test_a_pan_lasts_as_long_as_the_clip():
    scene = SceneryParameters(**dict.fromkeys(SceneryParameters._fields))
    scene = scene._replace(sky=jnp.array([-40.0, -10.0]), equipment_level=jnp.float32(5))
    panning = CameraConfig(pan=1.0, pan_speed=(0.3, 0.3), vibration=(0.0, 0.0))

    @jax.jit
    def follow(key):
        camera = draw_camera(Draws(key), panning, scene, 300)
        return jax.vmap(aim, in_axes=(None, 0))(camera, jnp.arange(300.0))

    corners = np.asarray(follow(jax.random.key(0)))
    steps = np.diff(corners, axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), atol=1e-5)
    assert np.hypot(*steps[0]) > 0.01
