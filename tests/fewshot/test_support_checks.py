from dataclasses import replace

import numpy as np
import pytest

from fewshot.toy import PLANES, site, support
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.support import Support, SupportFrame
from jvlgs_jax.fewshot.support_checks import check_support

SCENE = site(30.0)


def with_mask(frame: SupportFrame, mask: np.ndarray, scene: str = "copy") -> SupportFrame:
    sample = frame.sample._replace(mask=mask[None, ..., None].astype(np.float32))
    return SupportFrame(scene, frame.number, sample)


def test_a_good_support_passes_without_a_word():
    assert check_support(support(SCENE, [44, 46, 60, 70]), PLANES, "DIR") == []


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "DIR: no frame has a mask"),
        ([44, 46], "DIR: none of the 2 annotated frames shows gas"),
        ([60, 3], "DIR: frame 3 of yard has 3 frames before it, the background needs 5"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(frames: list[int], message: str):
    with pytest.raises(UserError, match=message) as error:
        check_support(support(SCENE, frames), PLANES, "DIR")
    assert "\n" not in str(error.value)


def test_two_masks_of_one_picture_are_refused():
    good = support(SCENE, [60, 70])
    moved = with_mask(good.frames[0], np.roll(good.frames[0].mask, 20, axis=1))
    with pytest.raises(UserError, match="frame 60 of yard and frame 60 of copy are the same picture"):
        check_support(replace(good, frames=(*good.frames, moved)), PLANES, "DIR")
    erased = with_mask(good.frames[0], np.zeros_like(good.frames[0].mask))
    with pytest.raises(UserError, match="overlap by 0%"):
        check_support(replace(good, frames=(*good.frames, erased)), PLANES, "DIR")


def test_the_onset_of_gas_is_no_contradiction():
    assert check_support(support(site(3.0), [48, 49, 50, 51]), PLANES, "DIR") == []


def test_nearly_equal_frames_with_masks_apart_are_warned_of():
    quiet = Support(frames=support(site(3.0), [60, 61]).frames)
    first, second = quiet.frames
    apart = replace(quiet, frames=(first, with_mask(second, np.roll(second.mask, 20, axis=1), "yard")))
    (warning, _) = check_support(apart, input_planes("rgb"), "DIR")
    assert "frame 60 of yard and frame 61 of yard look nearly alike, but their masks do not meet" in warning


def test_gas_that_has_moved_on_contradicts_nothing():
    assert check_support(support(site(3.0), [44, 60, 75]), PLANES, "DIR") == []


@pytest.mark.parametrize("contrast", [3.0, 30.0])
def test_an_empty_mask_beside_gas_that_is_still_there_is_warned_of(contrast: float):
    good = support(site(contrast), [44, 60, 61, 75], leak_free=[45])
    empty, first, second, last = good.frames
    slip = with_mask(second, np.zeros_like(second.mask), "yard")
    expected = "DIR: frame 60 of yard shows gas and frame 61 of yard none, but hardly anything changes there"
    for frames, leak_free in [((empty, first, slip, last), good.leak_free), ((empty, first, last), (slip,))]:
        (warning,) = check_support(Support(frames=frames, leak_free=leak_free), PLANES, "DIR")
        assert warning.startswith(expected)


def test_leak_free_frames_that_are_pictures_of_gas_are_refused():
    good = support(SCENE, [44, 60, 70], leak_free=[45])
    erased = with_mask(good.frames[1], np.zeros_like(good.frames[1].mask))
    with pytest.raises(UserError, match="frame 60 of yard and frame 60 of copy are the same picture"):
        check_support(replace(good, leak_free=(erased,)), PLANES, "DIR")


def test_false_alarms_that_cannot_be_judged_are_warned_of():
    (warning,) = check_support(support(SCENE, [60, 70]), PLANES, "DIR")
    assert "false alarms cannot be judged" in warning
    assert check_support(support(SCENE, [60, 70], leak_free=[45]), PLANES, "DIR") == []


def test_a_cold_background_is_warned_of():
    warnings = check_support(support(SCENE, [20, 60, 70]), PLANES, "DIR")
    assert warnings == [
        "DIR: 1 of 3 frames have fewer than 40 before them (frame 20 of yard has 20), so that gas may have gone into "
        "their background"
    ]


def test_one_frame_cannot_be_left_out():
    (warning,) = check_support(support(SCENE, [44, 60]), PLANES, "DIR")
    assert "one frame with gas cannot be left out" in warning
