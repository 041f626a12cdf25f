import cv2
import numpy as np
import pytest

from jvlgs_jax.data.jvlgs_folders import load_jvlgs_folders
from jvlgs_jax.errors import UserError


def write_image(path, value, size=(8, 12)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full(size, value, np.uint8))


@pytest.fixture
def dataset(tmp_path):
    for scene in ("well_10", "well_9"):
        for number, gas in ((2, 255), (1, 0), (11, 128)):
            write_image(tmp_path / scene / "images" / f"{number}.jpg", 10 * number)
            write_image(tmp_path / scene / "masks" / f"{number}.png", gas)
    return tmp_path


def test_scenes_and_frames_in_natural_order(dataset):
    scenes = list(load_jvlgs_folders(dataset))
    assert [(s.name, s.group) for s in scenes] == [("well_9", "well_9"), ("well_10", "well_10")]
    np.testing.assert_allclose(scenes[0].frames[:, 0, 0, 0], [10, 20, 110], atol=2)
    assert scenes[0].has_leak.tolist() == [False, True, True]


def test_gas_is_brighter_than_the_threshold(dataset):
    assert next(load_jvlgs_folders(dataset, threshold=128)).has_leak.tolist() == [False, True, False]


def test_a_mask_may_have_its_images_name(dataset):
    masks = dataset / "well_9" / "masks"
    write_image(masks / "1.jpg", 255)
    (masks / "1.png").unlink()
    assert next(load_jvlgs_folders(dataset)).has_leak.all()


def test_missing_mask(dataset):
    (dataset / "well_10" / "masks" / "11.png").unlink()
    with pytest.raises(UserError, match=r"well_10/images/11\.jpg: its mask masks/11\.png is missing"):
        next(load_jvlgs_folders(dataset))


def test_mask_of_another_size(dataset):
    write_image(dataset / "well_9" / "masks" / "2.png", 0, size=(4, 12))
    with pytest.raises(UserError, match=r"masks/2\.png: 12x4 pixels, its image has 12x8"):
        next(load_jvlgs_folders(dataset))


def test_no_scene(tmp_path):
    with pytest.raises(UserError, match="no <scene>/images folder"):
        next(load_jvlgs_folders(tmp_path))
