import numpy as np

from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.preview import contact_sheet

YELLOW = (255, 220, 0)


def clip(value=128.0, t=4, height=20, width=30):
    mask = np.zeros((t - 2, height, width, 1), np.float32)
    mask[0, 5:10, 8:20] = 1
    return ClipSample(np.full((t, height, width, 3), value, np.float32), mask)


def test_a_column_a_frame_and_a_row_a_plane():
    changed = clip()
    changed.planes[..., 0] += 20
    changed.planes[..., 2] -= 3
    sheet = contact_sheet([changed, clip()], input_planes("temporal"))
    assert sheet.shape[1] == 4 * (30 + 4)
    assert sheet.shape[0] == 2 * 3 * (20 + 4) + 4


def test_three_equal_planes_are_shown_once():
    grey = contact_sheet([clip()], input_planes("grey"))
    assert grey.shape == (20 + 4, 4 * (30 + 4), 3)


def test_gas_is_outlined_where_it_is_and_only_in_supervised_frames():
    sheet = contact_sheet([clip()], input_planes("grey"))
    rows, columns = np.nonzero((sheet == YELLOW).all(-1))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 9, 8, 19)


def test_zero_is_the_middle_of_the_scale():
    brighter = clip()
    brighter.planes[..., 0] += 10
    sheet = contact_sheet([brighter, clip()], input_planes("temporal"))
    difference = sheet[24:44, :30, 0]  # frame minus background
    assert np.all(difference > 240)
    assert np.all(np.abs(sheet[100:115, :30, 0].astype(int) - 128) <= 1)
