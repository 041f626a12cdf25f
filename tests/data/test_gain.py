import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.data.gain import EIGHT_BITS, measure_gain


def test_eight_bits_stay_as_they_are():
    frame = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert measure_gain([frame]) == EIGHT_BITS
    assert EIGHT_BITS.to_grey(frame) is frame


@given(low=st.integers(0, 60000), span=st.integers(0, 5000), dead=st.sampled_from([0, 65535]))
def test_a_dead_pixel_does_not_take_the_range(low, span, dead):
    levels = np.linspace(low, low + span, 64 * 64).astype(np.uint16).reshape(64, 64, 1)
    clean, spoilt = measure_gain([levels]), levels.copy()
    spoilt[0, 0] = dead
    assert measure_gain([spoilt])[0] >= clean.low - 0.01 * span - 1
    assert measure_gain([spoilt])[1] <= clean.high + 0.01 * span + 1


def test_grey_levels_are_linear_and_clipped():
    frame = np.linspace(1000, 2000, 400).astype(np.uint16).reshape(20, 20, 1)
    gain = measure_gain([frame])
    grey = gain.to_grey(np.array([0, 1000, 1500, 2000, 60000], np.uint16).reshape(1, 5, 1))[0, :, 0]
    assert grey[0] == 0
    assert grey[4] == 255
    np.testing.assert_allclose(grey[1:4], [42.5, 127.5, 212.5], atol=1)
    assert grey.dtype == np.float32
