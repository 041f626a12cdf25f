import jax
import numpy as np
import pytest

from jvlgs_jax.simulation.gallery import arrange, panels
from jvlgs_jax.simulation.truth import GAS_PIXEL, IGNORED


@pytest.mark.slow
def test_panels_show_frame_change_and_truth(small_clips):
    clip = jax.tree.map(lambda leaf: leaf[1], small_clips)
    drawn = panels(clip)
    frame, change, truth = np.split(drawn, 3, axis=-1)
    np.testing.assert_array_equal(frame, clip.frames)
    opening = np.clip(128 + 4 * (clip.frames[0].astype(np.float32) - clip.background), 0, 255)
    np.testing.assert_allclose(change[0].astype(np.float32), opening, atol=1)
    np.testing.assert_array_equal(truth == 255, clip.mask == GAS_PIXEL)
    np.testing.assert_array_equal(truth == 90, clip.mask == IGNORED)


def test_a_sheet_has_four_clips_a_column():
    drawings = [np.full((2, 3, 5), number + 1, np.uint8) for number in range(6)]
    sheet = arrange(drawings)[1, ::3, ::5]
    np.testing.assert_array_equal(sheet, [[1, 5], [2, 6], [3, 0], [4, 0]])
    np.testing.assert_array_equal(arrange(drawings[:2])[0, ::3, ::5], [[1], [2]])
