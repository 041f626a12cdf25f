import numpy as np
import pytest

from fewshot.toy import ONSET, PLANES, SIZE, site, support, support_of_scene
from jvlgs_jax.data.clips import MemoryReader
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.sampling import ClipConfig, Direction
from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.support import cut_windows, spread


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("number", [0, 3, 60, 99])
def test_a_support_frame_has_the_planes_that_training_and_prediction_see(direction: Direction, number: int):
    scene, clips = site(20.0), ClipConfig(step=2, direction=direction)
    (frame,) = support_of_scene(scene, [number], PLANES, clips).frames
    frames, supervised = clips.frames(number, len(scene))
    expected = MemoryReader([scene], PLANES).read(0, np.sort(frames) if number else frames, supervised)
    order = np.argsort(frames, kind="stable") if number else np.arange(3)
    np.testing.assert_allclose(frame.sample.planes, expected.planes[np.argsort(order)][order], atol=1 / 200)
    np.testing.assert_array_equal(frame.mask, scene.truth[number])
    assert frame.leaks == (number >= ONSET)


def test_the_background_holds_only_frames_before():
    scene = site(40.0)
    (frame,) = support(scene, [ONSET]).frames
    inside = scene.truth[ONSET] > 0
    grey, background, _ = np.moveaxis(frame.sample.planes[0], -1, 0)
    assert (grey - background)[inside].mean() == pytest.approx(40, abs=1.5)


def test_a_mask_past_the_end_of_its_video_is_refused():
    with pytest.raises(UserError, match="yard: a mask for frame 120, but its video has 100 frames"):
        cut_windows("yard", site(20.0).frames, {120: np.zeros(SIZE, np.uint8)}, PLANES, ClipConfig())


def test_the_hash_is_of_pictures_and_masks():
    scene = site(20.0)
    assert support(scene, [60, 70]).sha256 == support(scene, [60, 70]).sha256
    assert support(scene, [60, 70]).sha256 != support(scene, [60, 71]).sha256
    assert support(scene, [60], leak_free=[45]).sha256 != support(scene, [60]).sha256


def test_colours_need_no_past():
    rgb = input_planes("rgb")
    (frame,) = support_of_scene(site(20.0), [60], rgb, ClipConfig()).frames
    assert (frame.sample.planes == frame.sample.planes[..., :1]).all()


def test_frames_are_taken_evenly():
    assert spread(range(10), 20) == list(range(10))
    assert spread([30, 10, 20], 1) == [20]
    assert spread(range(100), 4) == [12, 37, 62, 87]
