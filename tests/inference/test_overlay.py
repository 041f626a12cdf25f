import numpy as np
import pytest

from jvlgs_jax.inference.frame_table import describe_frame
from jvlgs_jax.inference.overlay import draw_overlay


def _draw(frame, probability, mask):
    return draw_overlay(frame, probability, mask, describe_frame(3, 0.2, probability, mask))


@pytest.mark.parametrize("size", [(48, 64), (33, 47), (1, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_without_gas_the_picture_is_the_frame_above_a_dark_bar(size, channels):
    frame = np.random.default_rng(0).integers(0, 256, (*size, channels), np.uint8)
    overlay = _draw(frame, np.zeros(size, np.float32), np.zeros(size, np.uint8))
    np.testing.assert_array_equal(overlay[: size[0]], np.broadcast_to(frame, (*size, 3)))
    assert overlay.shape[0] > size[0]
    assert overlay.shape[1:] == (size[1], 3)
    assert overlay[-1, 0].max() < 64


def test_heat_grows_with_the_probability_and_the_frame_shows_through():
    frame = np.full((40, 40, 1), 100, np.uint8)
    frame[:, 20:] = 140
    none = np.zeros((40, 40), np.uint8)
    change = {}
    for level in (0.2, 0.9):
        picture = _draw(frame, np.full((40, 40), level, np.float32), none)[:40].astype(int)
        change[level] = np.abs(picture - frame).mean()
        assert (picture[:, 20:] > picture[:, :20]).all()
    assert change[0.9] > change[0.2] > 0


def test_the_outline_follows_the_edge_of_the_mask_and_leaves_its_inside():
    mask = np.zeros((40, 40), np.uint8)
    mask[10:20, 12:30] = 1
    overlay = _draw(np.full((40, 40, 1), 50, np.uint8), np.zeros((40, 40), np.float32), mask)
    changed = (overlay[:40] != 50).any(axis=-1)
    edge = mask.astype(bool)
    edge[11:19, 13:29] = False
    np.testing.assert_array_equal(changed, edge)


@pytest.mark.parametrize(
    ("area", "alarm", "suspended", "strongest"),
    [(0, 1, 0, "red"), (9, 1, 0, "red"), (9, 1, 1, "blue"), (9, 0, 0, "red and green")],
)
def test_the_bars_color_says_what_is_going_on(area, alarm, suspended, strongest):
    frame, mask = np.zeros((40, 40, 1), np.uint8), np.zeros((40, 40), np.uint8)
    row = describe_frame(0, 0.0, mask.astype(np.float32), mask)._replace(area_px=area, alarm=alarm, suspended=suspended)
    red, green, blue = draw_overlay(frame, mask.astype(np.float32), mask, row)[-1, 0].astype(int)
    assert {
        "red": red > 100 > 2 * max(green, blue),
        "blue": blue > 100 > 2 * max(red, green),
        "red and green": min(red, green) > 60 > 2 * blue,
    }[strongest]


def test_a_line_surrounds_what_is_watched():
    frame, none = np.zeros((40, 40, 1), np.uint8), np.zeros((40, 40), np.uint8)
    watched = np.zeros((40, 40), bool)
    watched[5:30, 8:20] = True
    row = describe_frame(0, 0.0, none.astype(np.float32), none)
    changed = draw_overlay(frame, none.astype(np.float32), none, row, watched)[:40].any(axis=-1)
    assert changed[5, 8:20].all()
    assert changed[5:30, 19].all()
    assert not changed[6:29, 9:19].any()
    assert not changed[~watched].any()


def test_the_bar_tells_frames_apart():
    frame, probability, mask = (
        np.zeros((90, 320, 1), np.uint8),
        np.zeros((90, 320), np.float32),
        np.zeros((90, 320), np.uint8),
    )
    bars = [draw_overlay(frame, probability, mask, describe_frame(n, n / 15, probability, mask))[90:] for n in (1, 2)]
    assert (bars[0] != bars[1]).any()
