import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.data.layouts.masks import MaskFiles, masks_by_name
from jvlgs_jax.errors import UserError

GAS = np.zeros((8, 12), np.uint8)
GAS[2:5, 3:9] = 1
NONE = np.zeros_like(GAS)
IGNORED = np.where(np.arange(12) < 2, 255, GAS).astype(np.uint8)


def masks(files, threshold=None):
    return MaskFiles(path=files[0].parent, images=tuple(files), files=tuple(files), threshold=threshold)


@pytest.mark.parametrize("threshold", [None, 127])
@pytest.mark.parametrize("stored", [GAS, 255 * GAS, IGNORED], ids=["classes", "0 and 255", "classes and ignore"])
def test_every_encoding_says_the_same(tmp_path, write_image, stored, threshold):
    files = [write_image(tmp_path / "1.png", stored), write_image(tmp_path / "2.png", NONE)]
    gas, none = masks(files, threshold)
    np.testing.assert_array_equal(gas.gas, GAS)
    assert not none.gas.any()


def test_a_palette_means_its_indices_whatever_its_colours(tmp_path, write_palette_png):
    files = [write_palette_png(tmp_path / "1.png", IGNORED), write_palette_png(tmp_path / "2.png", NONE)]
    gas, none = masks(files)
    np.testing.assert_array_equal(gas.gas, GAS)
    assert not none.gas.any()


def test_among_classes_a_mask_of_0_and_255_is_one_without_gas_only_where_others_ignore_too(tmp_path, write_image):
    border = np.where(IGNORED == 255, IGNORED, 0).astype(np.uint8)
    files = [write_image(tmp_path / f"{n}.png", mask) for n, mask in enumerate((GAS, GAS, border))]
    with pytest.raises(UserError, match=r"2\.png: holds 0 and 255, most masks"):
        list(masks(files))
    write_image(files[0], IGNORED)
    assert not list(masks(files))[2].gas.any()


@given(threshold=st.integers(0, 254))
def test_soft_masks_are_gas_above_the_threshold(ramp, threshold):
    levels, file = ramp
    (mask,) = masks([file], threshold)
    np.testing.assert_array_equal(mask.gas, levels > threshold)


@pytest.fixture(scope="module")
def ramp(tmp_path_factory):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    file = tmp_path_factory.mktemp("ramp") / "1.png"
    cv2.imwrite(str(file), levels)
    return levels, file


def test_a_faint_soft_mask_is_not_taken_for_classes(tmp_path, write_image):
    files = [write_image(tmp_path / "1.png", GAS), write_image(tmp_path / "2.png", 90 * GAS)]
    faint, clear = masks(files, threshold=20)
    assert (faint.gas.any(), clear.gas.any()) == (False, True)


def test_soft_masks_are_hard_in_some_frames_and_faint_in_others(tmp_path, write_image):
    stored = [255 * GAS, 255 * GAS, 255 * GAS, 90 * GAS, GAS]
    files = [write_image(tmp_path / f"{n}.png", mask) for n, mask in enumerate(stored)]
    assert [mask.gas.any() for mask in masks(files, threshold=20)] == [True, True, True, True, False]


@pytest.mark.parametrize("level", [2, 200])
def test_a_stray_level_in_one_mask_of_classes_makes_none_of_them_soft(tmp_path, write_image, level):
    stray = GAS.copy()
    stray[0, 0] = level
    files = [write_image(tmp_path / f"{n}.png", mask) for n, mask in enumerate((GAS, GAS, GAS, stray))]
    for file in files[:3]:
        np.testing.assert_array_equal(masks(files, threshold=127).read(file), GAS)
    with pytest.raises(UserError, match=rf"3\.png: class {level}, the classes are 0"):
        list(masks(files, threshold=127))


def test_masks_of_one_level_that_is_no_gas_are_refused(tmp_path, write_image):
    files = [write_image(tmp_path / f"{n}.png", level * GAS) for n, level in enumerate((0, 2, 2))]
    with pytest.raises(UserError, match=r"1\.png: what is not 0 is 2 in all masks here, gas is brighter than 127"):
        list(masks(files, threshold=127))
    assert not any(mask.gas.any() for mask in masks(files[:1], threshold=127))


def test_soft_masks_too_faint_for_the_threshold_show_no_gas(tmp_path, write_image):
    files = [write_image(tmp_path / f"{n}.png", level * GAS) for n, level in enumerate((0, 2, 76))]
    assert [mask.gas.any() for mask in masks(files, threshold=20)] == [False, False, True]
    assert not any(mask.gas.any() for mask in masks(files, threshold=127))


@pytest.mark.parametrize("color", [(0, 0, 255), (0, 255, 0), (0, 0, 1)])
@pytest.mark.parametrize("threshold", [None, 127])
def test_masks_in_colours_are_refused(tmp_path, write_image, color, threshold):
    file = write_image(tmp_path / "1.png", GAS[..., None] * np.array(color, np.uint8))
    with pytest.raises(UserError, match=r"1\.png: colours, masks are grey or have a palette: export gas as 255"):
        list(masks([file], threshold))


def test_grey_masks_in_three_channels_are_read(tmp_path, write_image):
    files = [write_image(tmp_path / name, np.stack([255 * GAS] * 3, axis=-1)) for name in ("1.png", "2.jpg")]
    for mask in masks(files, threshold=127):
        np.testing.assert_array_equal(mask.gas, GAS)


def test_masks_are_named_like_their_images_or_with_png(tmp_path, write_image):
    images = tuple(write_image(tmp_path / "images" / name, 0) for name in ("1.jpg", "2.jpg"))
    write_image(tmp_path / "masks" / "1.jpg", 0)
    write_image(tmp_path / "masks" / "2.png", 0)
    assert [path.name for path in masks_by_name(images, tmp_path / "masks").files] == ["1.jpg", "2.png"]
