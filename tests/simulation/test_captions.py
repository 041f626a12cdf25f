from typing import NamedTuple

import numpy as np
import pytest

from jvlgs_jax.simulation.atmosphere import AtmosphereParameters
from jvlgs_jax.simulation.camera import CameraParameters
from jvlgs_jax.simulation.captions import caption
from jvlgs_jax.simulation.clip import SimulatedClip
from jvlgs_jax.simulation.flow import FlowParameters
from jvlgs_jax.simulation.movers import MOVER_KINDS, MoverParameters
from jvlgs_jax.simulation.parameters import NEVER, SceneParameters
from jvlgs_jax.simulation.plume import SOURCE_KINDS, PlumeParameters
from jvlgs_jax.simulation.scenery import SceneryParameters

FRAMES, HEIGHT, WIDTH = 8, 40, 60
LONG_AGO = -100.0


def with_only(sort: type[NamedTuple], /, **values) -> NamedTuple:
    """A tuple of the given values, and of None for all that no caption asks for."""
    return sort(**dict.fromkeys(sort._fields) | values)


def movers(**changes) -> MoverParameters:
    """One person who walks across the frame."""
    walking = {
        "kind": np.array([MOVER_KINDS.index("person")]),
        "present": np.array([True]),
        "start": np.array([[20.0, 10.0]], np.float32),
        "velocity": np.array([[0.0, 2.0]], np.float32),
        "wander": np.array([[0.2, 20.0, 0.0]], np.float32),
    }
    return with_only(MoverParameters, **(walking | changes))


def clip(
    *,
    onset=(LONG_AGO, NEVER),
    wind=((0.1, 0.5), (0.1, -0.5)),
    kinds=("flange", "vent"),
    contrast=20.0,
    pan=0.0,
    steam=0,
    **parts,
) -> SimulatedClip:
    """A clip with gas in a quarter of each frame, unless `onset` (of gas and steam) says that there is none."""
    leaks = min(onset) < NEVER
    mask = np.zeros((FRAMES, HEIGHT, WIDTH), np.uint8)
    mask[:, :20, :30] = leaks
    plumes = with_only(
        PlumeParameters,
        onset=np.array(onset, np.float32),
        flow=with_only(FlowParameters, wind=np.array(wind, np.float32)),
        kind=np.array([SOURCE_KINDS.index(kind) for kind in kinds]),
    )
    scene = {
        "plumes": plumes,
        "movers": movers(present=np.array([False])),
        "camera": with_only(
            CameraParameters, shake=np.array([[0.0, 9, 0]] * 2, np.float32), pan=np.array([0.0, pan], np.float32)
        ),
        "atmosphere": with_only(AtmosphereParameters, cloud_contrast=0.0),
        "scenery": with_only(SceneryParameters, horizon=20.0),
    }
    return with_only(
        SimulatedClip,
        frames=np.zeros(mask.shape, np.uint8),
        mask=mask,
        steam=np.full(mask.shape, steam, np.uint8),
        contrast=contrast * mask,
        visibility=np.full(FRAMES, 10.0 * leaks),
        parameters=with_only(SceneParameters, **(scene | parts)),
    )


@pytest.mark.parametrize(
    ("wind", "heading"), [((0.1, 0.5), "right"), ((0.1, -0.5), "left"), ((0.5, 0.1), "down"), ((-0.5, 0.1), "up")]
)
def test_gas_drifts_with_its_wind(wind, heading):
    assert caption(clip(wind=(wind, (9.0, 9.0)))) == f"large white plume drifting {heading} from a flange"


@pytest.mark.parametrize(("contrast", "colour"), [(20.0, "white"), (-20.0, "black")])
def test_colour_is_the_sign_of_the_contrast(contrast, colour):
    assert f"large {colour} plume" in caption(clip(contrast=contrast))


@pytest.mark.parametrize(("kind", "name"), [("point", "a small hole"), ("line", "a seam"), ("vent", "a vent")])
def test_the_source_is_that_of_the_gas(kind, name):
    assert caption(clip(kinds=(kind, "flange"))).endswith(f"from {name}")


def test_where_steam_is_the_only_leak_the_caption_is_about_it():
    assert caption(clip(onset=(NEVER, LONG_AGO), steam=1)) == "large white plume drifting left from a vent"


def test_steam_beside_gas_is_told_where_it_can_be_seen():
    assert caption(clip(onset=(LONG_AGO, LONG_AGO), steam=1)).endswith("from a flange, steam rises")
    assert caption(clip(onset=(LONG_AGO, LONG_AGO), steam=255)).endswith("from a flange")


def test_a_beginning_within_the_clip_is_told():
    assert caption(clip(onset=(3.0, NEVER))).endswith("from a flange, which begins to leak")


def test_who_travels_in_the_frame_moves():
    assert caption(clip(onset=(NEVER, NEVER), movers=movers())) == "no gas leak to be seen, a person moves"


@pytest.mark.parametrize(
    "changes",
    [
        {"present": np.array([False])},
        {"velocity": np.zeros((1, 2), np.float32)},
        {"start": np.array([[20.0, -30.0]], np.float32)},  # leaves the frame's edge 16 pixels away
        {"start": np.array([[90.0, 10.0]], np.float32)},
    ],
)
def test_who_stands_or_is_never_in_the_frame_does_not(changes):
    assert caption(clip(onset=(NEVER, NEVER), movers=movers(**changes))) == "no gas leak to be seen"


def test_a_camera_that_turns_away_loses_who_moves():
    beside = movers(start=np.array([[20.0, 61.0]], np.float32), velocity=np.array([[2.0, 0.0]], np.float32))
    assert "person" not in caption(clip(movers=beside))
    assert "person" in caption(clip(movers=beside, pan=1.0))
