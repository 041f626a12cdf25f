from pathlib import Path

import cv2
import numpy as np
import pytest

from fewshot.toy import ONSET, PLANES, site, support, write_frames
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.support import Support
from jvlgs_jax.fewshot.support_files import read_support
from jvlgs_jax.inference.video_writer import video_writer

SCENE = site(30.0)


def read(root: Path, **options) -> Support:
    return read_support(root, PLANES, ClipConfig(), **{"shots": 20, **options})


def test_only_the_frames_that_have_a_mask_are_learned_and_all_before_them_are_seen(tmp_path: Path):
    write_frames(tmp_path / "site" / "yard", SCENE, [45, 60, 75])
    found = read(tmp_path / "site")
    assert [(frame.scene, frame.number, frame.leaks) for frame in found.frames] == [
        ("yard", 45, False),
        ("yard", 60, True),
        ("yard", 75, True),
    ]
    for frame, expected in zip(found.frames, support(SCENE, [45, 60, 75]).frames, strict=True):
        np.testing.assert_allclose(frame.sample.planes, expected.sample.planes, atol=1e-4)
        np.testing.assert_array_equal(frame.mask, expected.mask)


def test_masks_of_a_video_are_named_by_its_frames(tmp_path: Path):
    with video_writer(tmp_path / "yard.mp4", 15.0) as write:
        for frame in SCENE.frames:
            write(np.repeat(frame, 3, axis=-1))
    (tmp_path / "masks" / "yard").mkdir(parents=True)
    for number in (60, 75):
        cv2.imwrite(str(tmp_path / "masks" / "yard" / f"{number:06}.png"), 255 * SCENE.truth[number])
    found = read(tmp_path)
    assert [frame.number for frame in found.frames] == [60, 75]
    np.testing.assert_array_equal(found.frames[1].mask, SCENE.truth[75])
    cv2.imwrite(str(tmp_path / "masks" / "yard" / "last.png"), 255 * SCENE.truth[80])
    with pytest.raises(UserError, match=r"last.png: no frame number in its name"):
        read(tmp_path)


def test_of_many_annotated_frames_some_are_learned_and_others_watched(tmp_path: Path):
    write_frames(tmp_path / "site" / "yard", SCENE, range(100))
    found = read(tmp_path / "site", shots=3)
    gas = [frame.number for frame in found.frames if frame.leaks]
    empty = [frame.number for frame in found.frames if not frame.leaks]
    assert (len(gas), len(empty), found.shots) == (3, 3, 3)
    assert min(gas) >= ONSET
    assert min(empty) >= 40
    assert {frame.number for frame in found.leak_free} == set(range(40, ONSET)) - set(empty)


def test_leak_free_footage_needs_no_masks(tmp_path: Path):
    write_frames(tmp_path / "site" / "yard", SCENE, [60, 75])
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    for number, frame in enumerate(SCENE.frames[:ONSET]):
        cv2.imwrite(str(quiet / f"{number:04}.png"), frame)
    found = read(tmp_path / "site", leak_free=quiet)
    assert [frame.leaks for frame in found.frames] == [True, True, False, False]
    assert {frame.scene for frame in found.leak_free} == {"quiet"}
    assert len(found.leak_free) == 8  # 40 to 49, less the two that are learned
    assert not any(frame.leaks for frame in found.leak_free)


def test_footage_that_shows_gas_by_a_mask_is_not_leak_free(tmp_path: Path):
    folder = write_frames(tmp_path / "site" / "yard", SCENE, [45, 60, 75])
    with pytest.raises(UserError, match="is no leak-free footage: by its mask in the support, frame 60 of yard"):
        read(tmp_path / "site", leak_free=folder / "images")
    # A scene of the support in which no mask shows gas may be meant.
    other = write_frames(tmp_path / "site" / "quiet", SCENE, [45])
    assert len(read(tmp_path / "site", leak_free=other / "images").leak_free) > 0


def test_a_mask_without_its_image_is_named(tmp_path: Path):
    folder = write_frames(tmp_path / "site" / "yard", SCENE, [60])
    cv2.imwrite(str(folder / "masks" / "other.png"), 255 * SCENE.truth[60])
    with pytest.raises(UserError, match=r"other.png: no image of this name"):
        read(tmp_path / "site")


def test_a_folder_without_masks_has_an_empty_support(tmp_path: Path):
    write_frames(tmp_path / "site" / "yard", SCENE, [])
    assert read(tmp_path / "site").frames == ()


@pytest.mark.parametrize(
    ("part", "annotated", "message"),
    [
        ("masks", [60], "yard: the mask of frame 60 has 96x64 pixels, its frames have 48x32: export both at one size"),
        ("masks", [60, 75], "yard: the mask of frame 60 has 96x64 pixels"),
        ("images", [75], r"images: a frame of 96x64 follows frames of 48x32: convert the video to one size"),
    ],
)
def test_frames_and_masks_of_another_size_are_refused(tmp_path: Path, part: str, annotated: list[int], message: str):
    folder = write_frames(tmp_path / "site" / "yard", SCENE, annotated)
    cv2.imwrite(str(folder / part / "0060.png"), np.zeros((64, 96), np.uint8))
    with pytest.raises(UserError, match=message):
        read(tmp_path / "site")
