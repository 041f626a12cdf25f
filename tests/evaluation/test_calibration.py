import json

import cv2
import numpy as np
import pytest

from jvlgs_jax.data.scene import Scene
from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.calibration import GateGrid, _GridMasks, calibrate
from jvlgs_jax.evaluation.conventions import alarms, jvlgs
from jvlgs_jax.evaluation.evaluator import evaluate
from jvlgs_jax.inference.postprocess import ConfidenceGate

SHAPE = (40, 60)
PLUME = (slice(10, 30), slice(10, 30))
GRID = GateGrid(low=(0.2, 0.4), high=(0.5, 0.9), vote_frames=(1, 3), minimum_share=(0.0, 0.05), kernel=(1,))


class Given:
    """A segmenter that reads its probabilities from the frames, in hundredths."""

    def probabilities(self, frames):
        for frame in frames:
            yield frame[..., 0].astype(np.float32) / 100


def scene(name, *frames):
    """Of (probabilities in hundredths by place, whether there is a plume)."""
    pixels = np.zeros((len(frames), *SHAPE, 1), np.uint8)
    truth = np.zeros((len(frames), *SHAPE), np.uint8)
    for index, (places, gas) in enumerate(frames):
        for place, value in places:
            pixels[(index, *place)] = value
        truth[(index, *PLUME)] = gas
    return Scene(name=name, group=name, frames=pixels, truth=truth, frames_per_second=15.0)


HALO = (slice(5, 35), slice(5, 35))
SPECK, BLOB = (slice(0, 4), slice(50, 54)), (slice(5, 35), slice(35, 55))
GAS = ([(HALO, 30), (PLUME, 95)], True)
QUIET = ([], False)


def test_the_known_best_gate_is_found():
    """The plume has a halo of 0.3, so low must be 0.4; a sure speck and an unsure blob stand where no gas is."""
    scenes = [
        scene("leak", *[GAS] * 8),
        scene("speck", *[([(SPECK, 99)], False)] * 4, *[GAS] * 4),
        scene("blob", *[([(BLOB, 80)], False)] * 4, *[GAS] * 4),
    ]
    chosen = calibrate(Given(), scenes, max_false_alarms=0.0, grid=GRID).chosen
    assert chosen.gate == ConfidenceGate(kernel=1, low=0.4, high=0.9, minimum_share=0.05)
    assert (chosen.j, chosen.false_alarm_rate) == (1.0, 0.0)


def test_a_flash_needs_a_vote():
    flash = ([(BLOB, 99)], False)
    scenes = [scene("a", *[GAS] * 30), scene("b", QUIET, flash, QUIET, QUIET, QUIET)]
    found = calibrate(Given(), scenes, max_false_alarms=0.1, grid=GRID).chosen.gate
    assert (found.low, found.vote_frames) == (0.4, 3)


def test_each_trial_is_what_an_evaluation_finds():
    rng = np.random.default_rng(0)
    frames = (rng.random((2, 6, *SHAPE, 1)) ** 4 * 100).astype(np.uint8)
    truth = np.zeros((2, 6, *SHAPE), np.uint8)
    truth[:, 3:, 10:30, 10:30] = 1
    frames[:, 3:, 12:28, 12:28] += 40
    scenes = [
        Scene(name=str(number), group="g", frames=frames[number], truth=truth[number], frames_per_second=15.0)
        for number in range(2)
    ]
    trials = calibrate(Given(), scenes, max_false_alarms=1.0, grid=GRID).trials
    assert len(trials) == 16
    for trial in trials:
        records = evaluate(Given(), scenes, trial.gate).records["model"]
        assert trial.j == pytest.approx(jvlgs(records).j)
        assert trial.false_alarm_rate == alarms(records).false_alarm_rate
    assert len({trial.j for trial in trials}) > 4


@pytest.mark.parametrize(
    "base",
    [
        ConfidenceGate(),
        ConfidenceGate(minimum_pixels=30, frame_confidence=0.85),
        ConfidenceGate(low_rate=0.2, high_rate=0.5),
    ],
)
def test_shared_work_leaves_the_masks_as_they_are(base):
    """On smooth fields, whose regions touch, hold several peaks and lose bridges to the opening."""
    rng = np.random.default_rng(1)
    fields = [cv2.GaussianBlur(rng.random((80, 120)).astype(np.float32), (0, 0), 3) for _ in range(4)]
    probabilities = [
        (field - field.min()) / np.ptp(field) * peak for field, peak in zip(fields, (1, 0.9, 0.8, 1), strict=True)
    ]
    gates = GateGrid(low=(0.3, 0.5), high=(0.4, 0.7, 0.95), vote_frames=(1, 3), base=base).gates()
    shared, streams = _GridMasks(gates), [gate.stream() for gate in gates]
    covered = set()
    for probability in probabilities:
        for mask, stream in zip(shared.push(probability), streams, strict=True):
            np.testing.assert_array_equal(mask, stream.push(probability))
            covered.add(int(mask.sum()))
    assert len(covered) > 10


def test_a_video_without_gas_counts_by_its_false_alarms_alone():
    quiet = scene("quiet", *[QUIET] * 99, ([(BLOB, 99)], False))
    found = calibrate(Given(), [scene("a", *[GAS] * 3), quiet], max_false_alarms=0.02, grid=GRID).chosen
    assert (found.j, found.false_alarm_rate) == (1.0, 0.01)


def test_of_equals_the_first_of_the_grid_is_taken():
    plain = GateGrid(low=(0.2, 0.4), high=(0.5, 0.6), vote_frames=(1,), minimum_share=(0.0,), kernel=(9,))
    scenes = [scene("a", QUIET, ([(PLUME, 95)], True))]
    assert calibrate(Given(), scenes, grid=plain).chosen.gate == ConfidenceGate(low=0.2, high=0.5)


def test_the_frontier_is_what_each_limit_would_choose():
    scenes = [scene("a", *[QUIET] * 4, GAS, ([(BLOB, 70)], False)), scene("b", QUIET, ([(PLUME, 95)], True))]
    found = calibrate(Given(), scenes, max_false_alarms=1.0, grid=GRID)
    rates = {trial.false_alarm_rate for trial in found.trials}
    for rate in rates:
        chosen = calibrate(Given(), scenes, max_false_alarms=rate, grid=GRID).chosen
        assert max(trial.j for trial in found.frontier if trial.false_alarm_rate <= rate) == chosen.j
    assert [trial.j for trial in found.frontier] == sorted({trial.j for trial in found.frontier})
    assert len(json.loads(json.dumps(found.to_json()))["frontier"]) == len(found.frontier)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([([(BLOB, 99)], False)] * 5 + [GAS], r"at most 1.00% of the leak-free frames, the least is 80.00%: raise"),
        ([GAS], "no frame without gas in these scenes"),
        ([QUIET], "no frame with gas in these scenes"),
    ],
)
def test_what_cannot_be_calibrated_says_why(frames, words):
    with pytest.raises(UserError, match=words):
        calibrate(Given(), [scene("a", *frames)], grid=GRID)


def test_the_limit_is_a_share():
    with pytest.raises(UserError, match=r"max_false_alarms is 5\.0, it must lie between 0 and 1"):
        calibrate(Given(), [], max_false_alarms=5.0)
