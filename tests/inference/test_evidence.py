import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.special import expit, logit

from jvlgs_jax.inference.evidence import MOST_CERTAIN, EvidenceStream, RunningMean

frames = st.lists(npst.arrays(np.float32, (2, 3), elements=st.floats(0, 1, width=32)), min_size=1, max_size=6)


@given(frames, st.floats(0.01, 1))
def test_the_mean_weighs_frames_by_their_age(seen, rate):
    """After n frames the newest counts `rate`, that before it rate (1 - rate), the first all that is left."""
    mean = RunningMean(rate)
    found = [mean.push(frame) for frame in seen][-1]
    ages = np.arange(len(seen))[::-1]
    weights = rate * (1 - rate) ** ages
    weights[0] = 1 - weights[1:].sum()
    logits = logit(np.clip(np.stack(seen).astype(np.float64), 1 - MOST_CERTAIN, MOST_CERTAIN))
    expected = seen[-1] if rate == 1 else expit(np.tensordot(weights, logits, 1))
    np.testing.assert_allclose(found, expected, atol=1e-4)  # 1 - 1e-4 in float32


@given(frames)
def test_a_rate_of_one_is_the_frame_to_the_bit(seen):
    stream = EvidenceStream(1.0, 1.0)
    for frame in seen:
        low, high = stream.push(frame)
        np.testing.assert_array_equal(low, frame)
        np.testing.assert_array_equal(high, frame)


@given(frames)
def test_the_lower_threshold_sees_no_less_than_the_frame(seen):
    stream = EvidenceStream(0.2, 0.5)
    assert all((stream.push(frame).low >= frame).all() for frame in seen)


@pytest.mark.parametrize(("sure", "outweighed"), [(1.0, 0.01), (0.0, 0.99)])
def test_a_frame_that_is_quite_sure_is_outweighed_by_two(sure, outweighed):
    mean = RunningMean(0.5)
    mean.push(np.full((1, 1), sure, np.float32))
    against = [mean.push(np.full((1, 1), 1 - sure, np.float32)).item() for _ in range(2)]
    assert against == pytest.approx([0.5, outweighed], abs=0.001)
