import contextlib
import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.regions import load_regions

SIZE = (40, 60)
LEFT = [[0, 0], [29, 0], [29, 39], [0, 39]]
TOP = [[0, 0], [59, 0], [59, 9], [0, 9]]


def _file(folder, content, name="regions.json"):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def _watched(folder, content):
    return load_regions(_file(folder, content)).watched(SIZE)


def test_polygons_include_and_exclude(tmp_path):
    left = np.zeros(SIZE, bool)
    left[:, :30] = True
    top = np.zeros(SIZE, bool)
    top[:10] = True
    np.testing.assert_array_equal(_watched(tmp_path, {"include": [LEFT]}), left)
    np.testing.assert_array_equal(_watched(tmp_path, {"exclude": [TOP]}), ~top)
    np.testing.assert_array_equal(_watched(tmp_path, {"include": [LEFT], "exclude": [TOP]}), left & ~top)
    np.testing.assert_array_equal(_watched(tmp_path, {"include": [LEFT, TOP], "exclude": []}), left | top)
    triangle = _watched(tmp_path, {"include": [[[0, 0], [20.4, 0], [0, 20.4]]]})
    assert triangle.sum() == 21 * 22 / 2


def test_the_edge_of_the_picture_is_inside_it(tmp_path):
    assert _watched(tmp_path, {"include": [[[0, 0], [60, 0], [60, 40], [0, 40]]]}).all()


def test_an_image_is_white_where_to_look(tmp_path):
    expected = np.random.default_rng(0).random(SIZE) > 0.5
    cv2.imwrite(str(tmp_path / "mask.png"), 255 * expected.astype(np.uint8))
    np.testing.assert_array_equal(load_regions(tmp_path / "mask.png").watched(SIZE), expected)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "neither JSON nor an image"),
        ("{", "neither JSON nor an image"),
        ("[" * 100_000, "neither JSON nor an image"),
        ([], 'must be an object with "include", "exclude" or both'),
        ({}, 'must be an object with "include", "exclude" or both'),
        ({"inlcude": [LEFT]}, 'must be an object with "include", "exclude" or both'),
        ({"include": {"a": 1}}, "include: must be a list of polygons"),
        ({"include": LEFT}, "include: polygon 1: must be a list of at least 3 corners|corner 1 is 0"),
        ({"exclude": [LEFT, LEFT[:2]]}, "exclude: polygon 2: must be a list of at least 3 corners"),
        ({"include": [[[0, 0], [1], [2, 2]]]}, r"polygon 1: corner 2 is \[1\]: it must be two numbers"),
        ({"include": [[[0, 0], [1, True], [2, 2]]]}, "corner 2 is"),
        ({"include": [[[0, 0], ["1", 2], [2, 2]]]}, "corner 2 is"),
        ('{"include": [[[0, 0], [NaN, 2], [2, 2]]]}', "corner 2 is"),
        ({"include": [[[0, 0], [10**400, 2], [2, 2]]]}, "corner 2 is"),
        ({"include": [[*LEFT[:3], [-1, 5]]]}, r"polygon 1: corner \[-1, 5\] lies out of the picture of 60x40"),
        ({"include": [LEFT], "exclude": [[*LEFT[:3], [0, 40.5]]]}, r"exclude: polygon 1: corner \[0, 40.5\] lies out"),
        ({"include": [LEFT], "exclude": [LEFT]}, "leaves nothing to look at"),
    ],
)
def test_bad_polygons_are_told_in_one_line(tmp_path, content, words):
    with pytest.raises(UserError, match=words) as caught:
        _watched(tmp_path, content)
    assert str(caught.value).startswith(str(tmp_path / "regions.json"))
    assert "\n" not in str(caught.value)


def test_bad_images_are_told_in_one_line(tmp_path):
    with pytest.raises(UserError, match=r"missing\.png: no such file"):
        load_regions(tmp_path / "missing.png")
    with pytest.raises(UserError, match=r"text\.png: not a readable image"):
        load_regions(_file(tmp_path, "text", "text.png"))
    cv2.imwrite(str(tmp_path / "small.png"), np.full((20, 20), 255, np.uint8))
    with pytest.raises(UserError, match=r"small\.png: has 20x20 pixels, but the video 60x40"):
        load_regions(tmp_path / "small.png").watched(SIZE)
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros(SIZE, np.uint8))
    with pytest.raises(UserError, match=r"black\.png: leaves nothing to look at"):
        load_regions(tmp_path / "black.png").watched(SIZE)


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["include", "exclude", "x"]), inner),
    max_leaves=20,
)


@settings(max_examples=30)
@given(_json)
def test_any_json_is_read_or_refused(tmp_path_factory, content):
    path = _file(tmp_path_factory.getbasetemp(), content, "any.json")
    with contextlib.suppress(UserError):  # and no other error
        assert load_regions(path).watched(SIZE).any()
