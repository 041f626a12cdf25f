import numpy as np
import pytest

from jvlgs_jax.data.layouts.jvlgs_folders import find_jvlgs_folders


@pytest.fixture
def dataset(tmp_path, write_image):
    for scene in ("well_10", "well_9"):
        for number, gas in ((2, 255), (1, 0), (11, 128)):
            write_image(tmp_path / scene / "images" / f"{number}.jpg", 10 * number)
            write_image(tmp_path / scene / "masks" / f"{number}.png", gas)
    return tmp_path


def test_scenes_and_frames_in_natural_order(dataset):
    scenes = [scene.load() for scene in find_jvlgs_folders(dataset)]
    assert [(s.name, s.group) for s in scenes] == [("well_9", "well_9"), ("well_10", "well_10")]
    np.testing.assert_allclose(scenes[0].frames[:, 0, 0, 0], [10, 20, 110], atol=2)
    assert scenes[0].has_leak.tolist() == [False, True, True]


def test_gas_is_brighter_than_the_threshold(dataset):
    assert find_jvlgs_folders(dataset, threshold=128)[0].load().has_leak.tolist() == [False, True, False]


def test_a_mask_may_have_its_images_name(dataset, write_image):
    masks = dataset / "well_9" / "masks"
    write_image(masks / "1.jpg", 255)
    (masks / "1.png").unlink()
    assert find_jvlgs_folders(dataset)[0].load().has_leak.all()
