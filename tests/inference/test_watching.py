import cv2
import numpy as np
import pytest

from jvlgs_jax.inference.alarms import AlarmConfig
from jvlgs_jax.inference.camera_motion import CameraMotionConfig
from jvlgs_jax.inference.postprocess import ConfidenceGate, mask_rule
from jvlgs_jax.inference.summary import Summary
from jvlgs_jax.inference.watching import WatchConfig, Watcher

RATE = 10.0
SIZE = (60, 80)
WATCH = WatchConfig(
    rule=ConfidenceGate(kernel=1),
    alarm=AlarmConfig(window_s=0.2, persistence=1.0, refractory_s=0.0),
    camera=CameraMotionConfig(settle_s=0.0),
)


def _frame(shift=0):
    rough = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, (60, 120)), (0, 0), 2)[:, shift : 80 + shift]
    return np.clip(110 + 40 * rough / rough.std(), 0, 255).astype(np.uint8)[..., None]


def _probability(gas):
    probability = np.full(SIZE, 0.1, np.float32)
    probability[20:40, 10:50] = 0.9 if gas else 0.1
    return probability


def _run(letters, watched=None):
    """A letter a frame: G gas, . none, < the camera looks to the left and sees gas."""
    watcher = Watcher(WATCH, RATE, watched)
    seen = [watcher.push(_frame(10 * (letter == "<")), _probability(letter != ".")) for letter in letters]
    return seen, watcher.finish()


def _news(events):
    return [str(event.news) for event in events]


def test_events_come_in_the_order_in_which_they_happen():
    seen, last = _run(".GGG<<GG")
    told = [(n, _news(each.events)) for n, each in enumerate(seen) if each.events]
    assert told == [
        (2, ["alarm_raised"]),
        (4, ["alarm_ended", "camera_moved"]),
        (6, ["camera_settled"]),
        (7, ["alarm_raised"]),
    ]
    assert _news(last) == ["alarm_ended"]
    assert [each.row.suspended for each in seen] == [0, 0, 0, 0, 1, 1, 0, 0]
    assert [each.row.alarm for each in seen] == [0, 0, 1, 1, 0, 0, 0, 1]
    (settled,) = [event.about for event in seen[6].events]
    assert (settled.start_frame, settled.start_s, settled.end_frame, settled.end_s) == (4, 0.4, 5, 0.5)


def test_a_video_that_ends_while_the_camera_moves_says_so():
    assert _news(_run("..<")[1]) == ["camera_settled"]
    assert _run("")[1] == ()


def test_masks_go_on_while_the_camera_moves():
    seen, _ = _run("..<")
    assert seen[2].mask.sum() == seen[2].row.area_px == 20 * 40


def test_an_alarm_lasts_while_its_gas_fades_but_not_for_a_speck_elsewhere():
    watcher = Watcher(WATCH, RATE)
    faint, speck = (np.full(SIZE, 0.1, np.float32) for _ in range(2))
    faint[30, 30] = speck[50, 70] = 0.4
    pictures = [*[_probability(True)] * 2, *[faint] * 3, *[speck] * 2]
    assert [watcher.push(_frame(), each).row.alarm for each in pictures] == [0, 1, 1, 1, 1, 0, 0]


def test_nothing_is_seen_out_of_what_is_watched():
    watched = np.zeros(SIZE, bool)
    watched[:30, :20] = True
    seen, _ = _run("GG", watched)
    assert not seen[1].mask[~watched].any()
    assert not seen[1].probability[~watched].any()
    assert seen[1].mask[watched].sum() == seen[1].row.area_px == 10 * 10
    watched[20:, :] = watched[:, 10:] = False
    seen, _ = _run("GG", watched)
    assert seen[1].row.max_probability == pytest.approx(0.1)


def test_the_summary_counts_frames_and_alarms():
    seen, _ = _run(".GGG<<GG")
    summary = Summary()
    for each in seen:
        summary = summary.with_frame(each)
    assert summary == Summary(frames=8, frames_with_gas=7, frames_in_alarm=3, frames_suspended=2, alarms=2)
    assert str(summary) == "8 frames, 7 with gas, 2 with the camera moving, 2 alarms"
    assert str(Summary(frames=3, alarms=1)) == "3 frames, 0 with gas, 1 alarm"


def test_settings_are_told_whole():
    told = WatchConfig(rule=mask_rule("minmax_opening")).to_json()
    assert told["rule"] == {"name": "minmax_opening", "kernel": 9}
    assert told["alarm"]["persistence"] == 0.5
    assert told["camera"] == {"shift": 0.01, "settle_s": 1.0}


def test_a_frame_looked_at_ahead_is_looked_at_once():
    """The camera swings for good; looked at two frames ahead, the story is the same."""
    letters = ".." + "<" * 20 + "G"
    told, _ = _run(letters)
    watcher = Watcher(WATCH, RATE)
    frames = [_frame(10 * (letter == "<")) for letter in letters]
    starts = [watcher.starts_view(frame) for frame in frames[:2]]
    rows = []
    for index, (frame, letter) in enumerate(zip(frames, letters, strict=True)):
        starts += [watcher.starts_view(each) for each in frames[index + 2 : index + 3]]
        rows.append(watcher.push(frame, _probability(letter != ".")).row)
    assert rows == [each.row for each in told]
    assert np.flatnonzero(starts).tolist() == [2 + 10]
