"""The stage of one clip: all that is made once from the parameters, and a look at it at any time."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jvlgs_jax.simulation.atmosphere import AtmosphereFields, atmosphere_fields, weathered
from jvlgs_jax.simulation.camera import CameraPattern, aim, camera_pattern, crop, gain_at, response
from jvlgs_jax.simulation.movers import add_movers
from jvlgs_jax.simulation.parameters import GAS, STEAM, SceneParameters
from jvlgs_jax.simulation.plume import PlumeFields, place, plume_fields
from jvlgs_jax.simulation.radiometry import seen_through
from jvlgs_jax.simulation.scenery import MARGIN, Scenery, render_scenery


class Stage(NamedTuple):
    """Maps and noise of one clip."""

    scene: SceneParameters
    scenery: Scenery
    atmosphere: AtmosphereFields
    plumes: PlumeFields  # gas, then steam
    pattern: CameraPattern


class View(NamedTuple):
    """One noiseless frame and the gas in it."""

    grey: Float[Array, "h w"]
    optical_depth: Float[Array, "p h w"]  # by plume, where nothing stands in front
    contrast: Float[Array, "p h w"]  # grey levels that each plume adds, the other being there
    joint_contrast: Float[Array, "h w"]  # grey levels that all plumes add to the scene without any


def set_stage(scene: SceneParameters, size: tuple[int, int]) -> Stage:
    """Makes what a clip's frames share."""
    shape = (size[0] + 2 * MARGIN, size[1] + 2 * MARGIN)
    return Stage(
        scene=scene,
        scenery=render_scenery(scene.scenery, size),
        atmosphere=atmosphere_fields(scene.atmosphere, shape),
        plumes=jax.vmap(plume_fields)(scene.plumes),
        pattern=camera_pattern(scene.camera, size),
    )


def look(stage: Stage, patches: Float[Array, "p m m"], time: Float[Array, ""]) -> View:
    """Shows the camera the scene at `time` through plumes of the given optical depth; without noise."""
    still = weathered(stage.scenery, stage.scene.atmosphere, stage.atmosphere, time)
    picture, front = add_movers(still, stage.scene.movers, time)
    return _through_gas(stage, picture, front, patches, time)


def look_at_still_scene(stage: Stage, patches: Float[Array, "p m m"], time: Float[Array, ""]) -> Float[Array, "h w"]:
    """Returns the grey levels of `look` without anything that walks, drives or flies."""
    still = weathered(stage.scenery, stage.scene.atmosphere, stage.atmosphere, time)
    return _through_gas(stage, still, jnp.zeros_like(still), patches, time).grey


def _through_gas(
    stage: Stage,
    picture: Float[Array, "h w"],
    front: Float[Array, "h w"],
    patches: Float[Array, "p m m"],
    time: Float[Array, ""],
) -> View:
    camera, plumes = stage.scene.camera, stage.scene.plumes
    height, width = stage.pattern.offset.shape
    corner = aim(camera, time)
    images = jnp.stack([picture, jnp.maximum(front, stage.scenery.front)])
    # A loop keeps XLA from cutting the frame out anew for each of the many images that are made of it below.
    picture, front = jax.lax.map(lambda image: crop(image, corner, (height, width)), images)
    placed = jax.vmap(place, in_axes=(0, 0, None, None))(patches, plumes, (height, width), corner - MARGIN)
    depth = placed * (1 - front)
    without_gas = seen_through(picture, plumes.temperature[STEAM], depth[STEAM])
    without_steam = seen_through(picture, plumes.temperature[GAS], depth[GAS])
    both = seen_through(without_gas, plumes.temperature[GAS], depth[GAS])
    grey = response(camera, stage.pattern, both, time)
    added = gain_at(camera, time) * jnp.stack([both - without_gas, both - without_steam, both - picture])
    # Gas that changes nothing within the recorder's range shows no contrast.
    contrast = jnp.clip(grey, 0, 255) - jnp.clip(grey - added, 0, 255)
    return View(grey, depth, contrast[:-1], contrast[-1])
