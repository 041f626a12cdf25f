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
    [
        (0, 1.0, 0.95, 2.9957),
        (0, 10.0, 0.95, 0.29957),
        (1, 1.0, 0.95, 4.7439),
        (3, 2.0, 0.9, 3.3404),
        (0, 0.0, 0.95, np.inf),
    ],
)
def test_the_bound_is_that_of_the_tables(count, hours, confidence, bound):
    assert poisson_upper_bound(count, hours, confidence) == pytest.approx(bound, abs=1e-4)


def test_the_lowest_threshold_that_keeps_the_limit_is_chosen():
    """Flares of 0.6 and of 0.35: two alarms above 0.3, one above 0.5, none above 0.7, in 40 seconds.

    Four frames of each video pass before five can be evidence. The first alarm is raised at its frame 34, its last
    evidence is frame 39, and no other can be raised before frame 139. The second one is raised at frame 64, and after
    the refractory time the video is over.
    """
    videos = [_footage(250, (30, 60)), _footage(150, (60, 35), name="tank")]
    found = _calibrate(videos, 3 / (39.2 / 3600) * 1.01)
    assert [trial.alarms for trial in found.trials] == [2, 1, 0, 0]
    frames = [round(trial.hours * 3600 * RATE) for trial in found.trials]
    assert frames == [(31 + 111) + 61, (31 + 111) + 146, 246 + 146, 246 + 146]
    assert (found.chosen.gate.high, found.chosen.alarms) == (0.7, 0)
    assert found.chosen.gate == ConfidenceGate(kernel=1, low=0.35, high=0.7)
    assert found.chosen.bound == pytest.approx(2.9957 / found.chosen.hours, rel=1e-4)
    said = found.to_json()
    assert (said["kind"], said["videos"], said["alarms"]) == ("leak_free", ["yard", "tank"], 0)
    assert (said["hours"], said["trials"][1][:3]) == (round(39.2 / 3600, 4), [0.5, 1, round(28.8 / 3600, 4)])
    allowing_one = _calibrate(videos, 4.75 / (28.8 / 3600)).chosen
    assert (allowing_one.gate.high, allowing_one.observed) == (0.5, "1 alarm in 0.01 h in which one could be raised")


def test_a_gate_that_is_always_in_alarm_is_not_taken_for_one_that_is_seldom():
    """Half a minute at 0.6: a gate below it raises one alarm, which never ends, at its first chance."""
    found = _calibrate([_footage(300, *((second * 10, 60) for second in range(30)))], 600.0)
    assert [trial.alarms for trial in found.trials] == [1, 1, 0, 0]
    assert found.chosen.gate.high == 0.7
    always = found.trials[0]
    assert (always.hours * 3600 * RATE, always.bound) == (pytest.approx(1), pytest.approx(4.7439 * 3600 * RATE, 1e-4))


def test_time_in_which_the_camera_moves_does_not_count():
    assert _calibrate([_footage(100)], 7200.0).chosen.hours * 3600 * RATE == pytest.approx(96)
    turned = _calibrate([_footage(100, swing=40)], 7200.0).chosen
    assert turned.hours * 3600 * RATE == pytest.approx(96 - 11 - 4, abs=2)


@pytest.mark.parametrize(("frames", "alarm"), [(4, None), (100, "window_s=60,persistence=1")])
def test_footage_in_which_no_alarm_can_be_raised_promises_nothing(frames, alarm):
    with pytest.raises(UserError, match=r"no alarm could be raised in this footage, .*: record some longer"):
        _calibrate([_footage(frames)], 1e9, alarm=alarm)


def test_a_view_that_the_camera_turns_to_is_told_to_the_segmenter_as_predict_does():
    found = _calibrate([_footage(100, swing=40)], 7200.0, segmenter=Surprised())
    assert [trial.alarms for trial in found.trials] == [0, 0, 0, 0]


def test_too_little_footage_is_told_with_what_it_takes():
    with pytest.raises(UserError, match=r"0 alarms in 0\.01 h in which one could be .*, and it takes 3\.00 h: record"):
        _calibrate([_footage(360)], 1.0)


@pytest.mark.slow
def test_footage_full_of_alarms_is_told():
    with pytest.raises(UserError, match=r"with the highest threshold, 0\.9, there were 3 alarms"):
        _calibrate([_footage(900, (30, 99), (300, 99), (600, 99))], 3600 / 20)


@pytest.mark.parametrize("settings", [{"per_hour": 0.0}, {"per_hour": np.inf}, {"confidence": 1.0}])
def test_what_cannot_be_promised_is_refused(settings):
    with pytest.raises(UserError):
        FalseAlarmLimit(**settings)


def _seen(times, lengths, hours):
    """Returns how many alarms are raised, none while one is on, and the hours in which none is on."""
    alarms, over, free = 0, 0.0, 0.0
    for time, length in zip(times, lengths, strict=True):
        if time >= over:
            alarms, over, free = alarms + 1, time + length, free + time - over
    return alarms, free + max(hours - over, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("lasting", [0.0, 0.1])
def test_the_promise_holds_as_often_as_it_says(lasting):
    """Footage after footage in which alarms of many strengths come by chance; the true rate of each gate is known.

    The rate of flares above a threshold falls steadily; the chosen threshold may exceed the limit in 1 of 20 cases,
    however long, in hours, alarms last.
    """
    rng = np.random.default_rng(0)
    highs = np.linspace(0.3, 0.99, 15)
    true_rate = 10 * (1 - highs)  # an hour
    limit, hours, broken, promised = 2.0, 4.0, 0, 0
    for _ in range(2000):
        strengths = 1 - rng.uniform(0, 1, rng.poisson(10 * hours))
        times, lengths = np.sort(rng.uniform(0, hours, len(strengths))), rng.exponential(lasting, len(strengths))
        seen = [_seen(times[strengths > high], lengths[strengths > high], hours) for high in highs]
        bounds = [poisson_upper_bound(*counted, 0.95) for counted in seen]
        kept = len(highs)
        while kept and bounds[kept - 1] <= limit:
            kept -= 1
        if kept < len(highs):
            promised += 1
            broken += true_rate[kept] > limit
    assert promised > 1000
    assert broken / 2000 <= 0.05
