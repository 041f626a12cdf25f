from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from jvlgs_jax.data.video import Video
from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.leak_free import FalseAlarmLimit, calibrate_leak_free, poisson_upper_bound
from jvlgs_jax.inference.postprocess import ConfidenceGate

RATE = 10.0


@dataclass(frozen=True, kw_only=True)
class Footage(Video):
    """A still view in which something flares up: from some frames on, for a second, with a probability in hundredths.

    From `swing` on, the camera looks elsewhere.
    """

    flares: tuple[tuple[int, int], ...] = ()
    swing: int | None = None

    def __iter__(self):
        rough = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, (48, 64)), (0, 0), 2)
        view = (128 + 40 * rough / rough.std()).clip(0, 255).astype(np.uint8)[..., None]
        level, flares = 0, dict(self.flares)
        for index in range(self.frame_count):
            level = flares.get(index, 0 if index - 10 in flares else level)
            frame = np.roll(view, 12 * (self.swing is not None and index >= self.swing), axis=1)
            frame[0, 0] = level
            yield frame


def _footage(frames, *flares, name="yard", swing=None):
    return Footage(path=Path(name), frame_count=frames, frames_per_second=RATE, channels=1, flares=flares, swing=swing)


class Told:
    """A segmenter that reads the probability of the whole picture from its corner."""

    def probabilities(self, frames, *, starts_view):
        for frame in frames:
            starts_view(frame)
            yield np.full(frame.shape[:2], frame[0, 0, 0] / 100, np.float32)


class Surprised:
    """A segmenter that takes for gas all that is not as in the first frame of the view that it knows."""

    def probabilities(self, frames, *, starts_view):
        known = None
        for frame in frames:
            if starts_view(frame) or known is None:
                known = frame
            yield (frame != known)[..., 0].astype(np.float32)


BASE = ConfidenceGate(kernel=1, low=0.2, high=0.4)
HIGHS = (0.3, 0.5, 0.7, 0.9)


def _calibrate(videos, per_hour, *, segmenter=None, **limit):
    limit = FalseAlarmLimit(per_hour=per_hour, **limit)
    return calibrate_leak_free(segmenter or Told(), videos, limit, base=BASE, highs=HIGHS)


@pytest.mark.parametrize(
    ("count", "hours", "confidence", "bound"),
    [(0, 1.0, 0.95, 2.9957), (0, 10.0, 0.95, 0.29957), (1, 1.0, 0.95, 4.7439), (3, 2.0, 0.9, 3.3404)],
)
def test_the_bound_is_that_of_the_tables(count, hours, confidence, bound):
    assert poisson_upper_bound(count, hours, confidence) == pytest.approx(bound, abs=1e-4)


def test_the_lowest_threshold_that_keeps_the_limit_is_chosen():
    """Flares of 0.6 and of 0.35: two alarms above 0.3, one above 0.5, none above 0.7, in 40 seconds."""
    videos = [_footage(250, (30, 60)), _footage(150, (60, 35), name="tank")]
    found = _calibrate(videos, 3 / (40 / 3600) * 1.01)
    assert found.hours == pytest.approx(40 / 3600)
    assert [trial.alarms for trial in found.trials] == [2, 1, 0, 0]
    assert (found.chosen.gate.high, found.chosen.alarms) == (0.7, 0)
    assert found.chosen.gate == ConfidenceGate(kernel=1, low=0.35, high=0.7)
    assert found.chosen.bound == pytest.approx(2.9957 / found.hours, rel=1e-4)
    said = found.to_json()
    assert (said["kind"], said["videos"], said["alarms"]) == ("leak_free", ["yard", "tank"], 0)
    assert _calibrate(videos, 4.75 / found.hours).chosen.gate.high == 0.5  # one alarm is allowed for


def test_time_in_which_the_camera_moves_does_not_count():
    assert _calibrate([_footage(100)], 7200.0).hours * 3600 * RATE == pytest.approx(100)
    assert _calibrate([_footage(100, swing=40)], 7200.0).hours * 3600 * RATE == pytest.approx(100 - 11, abs=2)


def test_a_view_that_the_camera_turns_to_is_told_to_the_segmenter_as_predict_does():
    found = _calibrate([_footage(100, swing=40)], 7200.0, segmenter=Surprised())
    assert [trial.alarms for trial in found.trials] == [0, 0, 0, 0]


def test_too_little_footage_is_told_with_what_it_takes():
    with pytest.raises(UserError, match=r"from 0\.01 h of footage: even without an alarm that takes 3\.00 h: record"):
        _calibrate([_footage(360)], 1.0)


@pytest.mark.slow
def test_footage_full_of_alarms_is_told():
    with pytest.raises(UserError, match=r"with the highest threshold, 0\.9, 3 alarms were raised"):
        _calibrate([_footage(900, (30, 99), (300, 99), (600, 99))], 3600 / 20)


@pytest.mark.parametrize("settings", [{"per_hour": 0.0}, {"confidence": 1.0}])
def test_what_cannot_be_promised_is_refused(settings):
    with pytest.raises(UserError):
        FalseAlarmLimit(**settings)


@pytest.mark.slow
def test_the_promise_holds_as_often_as_it_says():
    """Footage after footage in which alarms of many strengths come by chance; the true rate of each gate is known.

    The rate of flares above a threshold falls steadily; the chosen threshold may exceed the limit in 1 of 20 cases.
    """
    rng = np.random.default_rng(0)
    highs = np.linspace(0.3, 0.99, 15)
    true_rate = 10 * (1 - highs)  # an hour
    limit, hours, broken, promised = 2.0, 4.0, 0, 0
    for _ in range(2000):
        strengths = 1 - rng.uniform(0, 1, rng.poisson(10 * hours))
        bounds = [poisson_upper_bound(int((strengths > high).sum()), hours, 0.95) for high in highs]
        kept = len(highs)
        while kept and bounds[kept - 1] <= limit:
            kept -= 1
        if kept < len(highs):
            promised += 1
            broken += true_rate[kept] > limit
    assert promised > 1000
    assert broken / 2000 <= 0.05
