import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.postprocess import (
    RULE_NAMES,
    ConfidenceGate,
    MinMaxOpening,
    describe_rule,
    mask_rule,
    minmax_opening,
    native_probability,
    rule_from,
)

probabilities = arrays(np.float32, (12, 16), elements=st.floats(0, 1, width=32))
logits = arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.floats(-30, 30, width=32))
sizes = st.tuples(st.integers(1, 20), st.integers(1, 20))


def scene_with(*blobs, shape=(40, 60), background=0.01):
    """Probabilities with square blobs (row, column, side, probability)."""
    probability = np.full(shape, background, np.float32)
    for row, column, side, value in blobs:
        probability[row : row + side, column : column + side] = value
    return probability


class TestNativeProbability:
    @given(logits)
    def test_its_own_size_is_the_sigmoid(self, values):
        expected = 1 / (1 + np.exp(-values.astype(np.float64)))
        np.testing.assert_allclose(native_probability(values, values.shape), expected, rtol=1e-6)

    @given(logits, sizes)
    def test_it_stays_between_the_extremes(self, values, size):
        result = native_probability(values, size)
        assert result.shape == size
        bounds = native_probability(values, values.shape)
        assert bounds.min() <= result.min() <= result.max() <= bounds.max()

    def test_pixel_centres_are_half_pixels(self):
        doubled = native_probability(np.array([[0, 4]], np.float32), (1, 4))
        np.testing.assert_allclose(np.log(doubled / (1 - doubled)), [[0, 1, 3, 4]], atol=1e-5)

    def test_extreme_logits_do_not_overflow(self):
        result = native_probability(np.array([[-1e4, 1e4]], np.float32), (1, 2))
        np.testing.assert_array_equal(result, [[0, 1]])


class TestMinmaxOpening:
    def test_equal_logits_give_an_empty_mask(self):
        for value in (-7.3, 0.0, 5.1):
            assert not minmax_opening(np.full((8, 8), value, np.float32), (50, 70)).any()

    def test_a_confident_no_still_raises_a_mask(self):
        # What the published rule is known for: nothing here exceeds a probability of one in ten thousand.
        values = np.full((44, 44), -12, np.float32)
        values[10:30, 10:30] = -10
        mask = minmax_opening(values, (88, 88))
        assert mask[30:50, 30:50].all()
        assert not ConfidenceGate().mask(native_probability(values, (88, 88))).any()

    @given(probabilities)
    def test_the_kernel_only_removes(self, probability):
        assert (MinMaxOpening(kernel=5).mask(probability) <= MinMaxOpening(kernel=1).mask(probability)).all()

    def test_a_stream_is_frame_by_frame(self):
        rule = MinMaxOpening()
        stream = rule.stream()
        for column in (5, 20, 40):
            frame = scene_with((10, column, 12, 0.9))
            np.testing.assert_array_equal(stream.push(frame), rule.mask(frame))


class TestConfidenceGate:
    def test_hysteresis_keeps_weak_regions_only_around_strong_pixels(self):
        weak, strong = (5, 5, 12, 0.4), (5, 35, 12, 0.4)
        probability = scene_with(weak, strong)
        probability[10, 40] = 0.8
        mask = ConfidenceGate(low=0.3, high=0.5, kernel=1).mask(probability)
        np.testing.assert_array_equal(mask, scene_with(strong, background=0) > 0)

    def test_regions_touching_at_a_corner_are_one(self):
        probability = scene_with((0, 0, 10, 0.9), (10, 10, 10, 0.4))
        assert ConfidenceGate(kernel=1).mask(probability)[15, 15] == 1

    def test_small_regions_are_dropped_by_pixels_or_share(self):
        probability = scene_with((5, 5, 10, 0.9), (5, 30, 15, 0.9))
        for gate in (ConfidenceGate(kernel=1, minimum_pixels=101), ConfidenceGate(kernel=1, minimum_share=101 / 2400)):
            np.testing.assert_array_equal(gate.mask(probability), scene_with((5, 30, 15, 0.9), background=0) > 0)
        assert ConfidenceGate(kernel=1, minimum_pixels=100).mask(probability).sum() == 100 + 225

    def test_an_unsure_frame_is_emptied(self):
        probability = scene_with((5, 5, 15, 0.7))
        assert ConfidenceGate(frame_confidence=0.69).mask(probability).any()
        assert not ConfidenceGate(frame_confidence=0.71).mask(probability).any()

    @given(probabilities, st.floats(0, 1), st.floats(0, 1))
    def test_it_lies_between_its_two_thresholds(self, probability, one, other):
        low, high = sorted((one, other))
        mask = ConfidenceGate(low=low, high=high, kernel=1).mask(probability) > 0
        assert (mask >= (probability > high)).all()
        assert (mask <= (probability > low)).all()

    def test_the_vote_needs_gas_that_lasts(self):
        gas, nothing = scene_with((10, 10, 12, 0.9)), scene_with()
        stream = ConfidenceGate(vote_frames=3).stream()
        seen = [gas, nothing, gas, gas, nothing, nothing, gas]
        assert [bool(stream.push(frame).any()) for frame in seen] == [False, False, True, True, True, False, False]

    @given(st.integers(1, 4), st.lists(probabilities, min_size=1, max_size=8))
    def test_the_vote_is_the_majority_of_the_last_masks(self, window, frames):
        gate = ConfidenceGate(kernel=1, vote_frames=window)
        stream = gate.stream()
        for index, frame in enumerate(frames):
            last = [gate.mask(past) for past in frames[max(index - window + 1, 0) : index + 1]]
            np.testing.assert_array_equal(stream.push(frame), np.sum(last, axis=0) > window / 2)

    def test_what_is_sure_for_one_frame_raises_nothing(self):
        gas, nothing = scene_with((10, 10, 12, 0.99)), scene_with()
        stream = ConfidenceGate(low=0.6, high=0.9, high_rate=0.5).stream()
        seen = [nothing, gas, nothing, nothing, gas, gas]
        assert [bool(stream.push(frame).any()) for frame in seen] == [False, False, False, False, False, True]

    def test_gas_that_thins_for_a_moment_stays(self):
        gas, half = scene_with((10, 10, 24, 0.99)), scene_with((10, 10, 12, 0.99))
        stream = ConfidenceGate(kernel=1, low=0.6, high=0.95, low_rate=0.2).stream()
        areas = [int(stream.push(frame).sum()) for frame in (gas, half, half, half, half, half)]
        assert areas[:3] == [576, 576, 576]
        assert areas[-1] == 144

    def test_what_is_remembered_is_no_mask_without_something_sure(self):
        gas, nothing = scene_with((10, 10, 24, 0.99)), scene_with()
        stream = ConfidenceGate(low=0.6, high=0.95, low_rate=0.2).stream()
        assert [bool(stream.push(frame).any()) for frame in (gas, nothing)] == [True, False]

    def test_something_sure_outside_every_region_is_no_region(self):
        """It may be so where the means are of different rates: then the frame shows it no more."""
        gas, nothing = scene_with((10, 10, 12, 0.99)), scene_with()
        stream = ConfidenceGate(low=0.6, high=0.7, high_rate=0.1).stream()
        assert [int(stream.push(frame).sum()) for frame in (gas, nothing)][1] == 0

    @given(st.lists(probabilities, min_size=1, max_size=5))
    def test_without_memory_each_frame_is_by_itself(self, frames):
        gate = ConfidenceGate(kernel=1, low=0.4, high=0.6)
        stream = gate.stream()
        for frame in frames:
            np.testing.assert_array_equal(stream.push(frame), gate.mask(frame))

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"low": 0.6, "high": 0.5}, "low is 0.6, it must not exceed high, 0.5"),
            ({"high": 1.5}, "high is 1.5, it must lie between 0 and 1"),
            ({"minimum_share": -0.1}, "minimum_share is -0.1"),
            ({"minimum_pixels": -1}, "minimum_pixels is -1"),
            ({"frame_confidence": 2.0}, "frame_confidence is 2.0"),
            ({"vote_frames": 0}, "vote_frames is 0, the least is 1"),
            ({"low_rate": 0.0}, r"low_rate is 0.0, it must be above 0 and at most 1 \(the frame alone\)"),
            ({"high_rate": 1.5}, "high_rate is 1.5, it must be above 0"),
            ({"kernel": 0}, "kernel is 0"),
            ({"kernel": 8}, "kernel is 8, it must be odd"),
        ],
    )
    def test_bad_settings_are_refused(self, settings, words):
        with pytest.raises(UserError, match=words):
            ConfidenceGate(**settings)


@pytest.mark.parametrize("name", RULE_NAMES)
def test_every_named_rule_finds_an_obvious_plume(name):
    probability = scene_with((10, 20, 15, 0.95))
    mask = mask_rule(name).stream().push(probability)
    assert mask.dtype == np.uint8
    assert mask[17, 27] == 1
    assert mask[0, 0] == 0


def test_an_unknown_rule_is_answered_with_a_guess():
    with pytest.raises(UserError, match=r"unknown rule 'confidence_gat'.*did you mean 'confidence_gate'"):
        mask_rule("confidence_gat")


def test_a_rule_is_named_with_settings():
    assert mask_rule("confidence_gate:low=0.2, vote_frames=3") == ConfidenceGate(low=0.2, vote_frames=3)
    assert mask_rule("confidence_gate:high=1,minimum_share=5e-4") == ConfidenceGate(high=1.0, minimum_share=0.0005)
    assert mask_rule("minmax_opening") == MinMaxOpening()


@pytest.mark.parametrize("rule", [ConfidenceGate(low=0.2, vote_frames=3, high_rate=0.5), MinMaxOpening(kernel=5)])
def test_a_described_rule_comes_back_through_json(rule):
    assert rule_from(json.loads(json.dumps(describe_rule(rule)))) == rule


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("confidence_gate:lwo=0.2", "unknown setting 'lwo': the settings are low, high"),
        ("confidence_gate:low", "'low' is not a setting: write confidence_gate:SETTING=NUMBER"),
        ("confidence_gate:vote_frames=1.5", "vote_frames is 1.5, it must be a whole number"),
        ("confidence_gate:low=0.9", "low is 0.9, it must not exceed high"),
    ],
)
def test_a_wrong_setting_is_named(text, words):
    with pytest.raises(UserError, match=words):
        mask_rule(text)


@pytest.mark.parametrize("description", [{}, {"name": "gate"}, {"name": "confidence_gate", "low": "a"}])
def test_a_wrong_description_is_refused(description):
    with pytest.raises(UserError, match="rule"):
        rule_from(description)
