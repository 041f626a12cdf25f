from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jvlgs_jax.data.images import LEVELS_A_DEGREE, decode_image, list_images, temperature_levels
from jvlgs_jax.errors import UserError

PATH = Path("a.tiff")
TEMPERATURES = arrays.arrays(np.float32, (3, 4), elements=st.floats(-300, 720, width=32))


@given(TEMPERATURES)
def test_temperatures_keep_their_differences_to_a_hundredth_of_a_degree(image):
    levels = temperature_levels(image, PATH).astype(np.float64) / LEVELS_A_DEGREE
    shown = np.subtract.outer(levels, levels)
    np.testing.assert_allclose(shown, np.subtract.outer(*[image.astype(np.float64)] * 2), atol=1.001 / LEVELS_A_DEGREE)


def test_a_pixel_without_a_reading_is_like_most_others():
    image = np.full((5, 5), 20.0, np.float32)
    image[1, 2], image[4, 4], image[0, 0] = np.nan, np.inf, 50
    levels = temperature_levels(image, PATH)
    assert levels[1, 2] == levels[4, 4] == levels[2, 2] == 320 * LEVELS_A_DEGREE
    assert levels[0, 0] == 350 * LEVELS_A_DEGREE


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_tiff_of_temperatures_is_a_picture_of_16_bits(dtype):
    image = np.linspace(-10, 40, 48, dtype=dtype).reshape(6, 8)
    encoded = cv2.imencode(".tiff", image)[1].tobytes()
    picture = decode_image(encoded, PATH)
    assert picture.dtype == np.uint16
    np.testing.assert_array_equal(picture, np.repeat(temperature_levels(image, PATH)[..., None], 3, axis=-1))


@pytest.mark.parametrize(
    ("values", "words"),
    [((0.0, 721.0), "values from 0 to 721"), ((-301.0, 0.0), "values from -301 to 0"), ((np.nan, np.inf), "no pixel")],
)
def test_numbers_that_are_no_temperatures_are_refused(values, words):
    with pytest.raises(UserError, match=rf"a\.tiff: {words}"):
        temperature_levels(np.array([values], np.float32), PATH)


def test_hidden_files_are_no_images(tmp_path):
    for name in ("0.png", "._0.png", ".1.png"):
        (tmp_path / name).touch()
    (tmp_path / ".#0.png").symlink_to("lock")
    assert [path.name for path in list_images(tmp_path)] == ["0.png"]


def test_a_folder_is_no_image_and_a_link_to_nothing_is_refused_by_name(tmp_path):
    for name in ("10.png", "2.PNG", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "3.png").mkdir()
    assert [path.name for path in list_images(tmp_path)] == ["2.PNG", "10.png"]
    assert list_images(tmp_path / "nowhere") == ()
    (tmp_path / "4.png").symlink_to("nowhere.png")
    with pytest.raises(UserError, match=r"4\.png: a link to a file that is not there"):
        list_images(tmp_path)
