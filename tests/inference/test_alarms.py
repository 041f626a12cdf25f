import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.alarms import AlarmConfig, AlarmStream, Ending, alarm_config
from jvlgs_jax.inference.frame_table import FrameRow
from jvlgs_jax.inference.postprocess import mask_rule

RATE = 10.0
# 3 of 4 frames at 10 frames per second
BRIEF = AlarmConfig(window_s=0.4, persistence=0.75, refractory_s=0.0)


def _row(frame, probability, area):
    box = (5, 6, 7, 8) if area else (None,) * 4
    return FrameRow(frame, frame / RATE, probability, area, area / 1000, *box)


# A timeline is a letter a frame. X: gas. o: the mask is empty, the probability between off and on. !: the camera moves.
_LETTERS = {"X": (0.9, 100), "o": (0.4, 0), ".": (0.1, 0), "!": (0.9, 100)}


def _run(timeline, config=BRIEF):
    """Returns the timeline of alarms (A: on, a: raised by this frame) and the alarms."""
    rows = [(_row(frame, *_LETTERS[letter]), letter == "!") for frame, letter in enumerate(timeline)]
    return _push(rows, config)


def _push(rows, config):
    """All there is lies in one place, so that the largest probability is always the one that remains there."""
    stream = AlarmStream(config, RATE)
    shown, alarms = "", []
    for row, suspended in rows:
        step = stream.push(row, remaining=row.max_probability, suspended=suspended)
        shown += "a" if step.raised else "." if step.alarm is None else "A"
        alarms += [step.ended] if step.ended else []
    last = stream.finish()
    return shown, alarms + ([last] if last else [])


@pytest.mark.parametrize(
    ("timeline", "expected"),
    [
        ("..........", ".........."),
        ("XX..XX..XX", ".........."),  # never 3 of 4
        ("XXX.......", "..aA......"),
        ("X.XX......", "...a......"),  # of the four, the first leaves at the next frame
        ("XXXX.X.X..", "..aAAA...."),
        ("ooooXXXooo", "......aAAA"),  # what does not raise an alarm keeps it on
        ("oooooooooo", ".........."),
        ("XX!XX!!XXX", ".........a"),  # what came before the camera moved does not count after it
        ("XXXX", "..aA"),
        ("X", "."),
    ],
)
def test_alarms_follow_a_timeline(timeline, expected):
    assert _run(timeline)[0] == expected


@pytest.mark.parametrize(
    ("timeline", "refractory_s", "expected"),
    [
        ("..........", 0.0, "--########"),  # no three frames are evidence before the third
        ("XXXXXXXXXX", 0.0, "--#-------"),  # while an alarm is on, it raises no other
        ("XXX.......", 0.0, "--#----###"),  # it ends at the fifth frame, and evidence begins anew
        ("XXX.......", 0.6, "--#-----##"),  # last evidence at 0.2 s
        ("....!.....", 0.0, "--##---###"),
        ("XXXX!XXXXX", 0.0, "--#----#--"),
    ],
)
def test_a_frame_is_armed_where_evidence_enough_would_have_raised_an_alarm(timeline, refractory_s, expected):
    stream, shown = AlarmStream(replace(BRIEF, refractory_s=refractory_s), RATE), ""
    for frame, letter in enumerate(timeline):
        row = _row(frame, *_LETTERS[letter])
        shown += "#" if stream.push(row, remaining=row.max_probability, suspended=letter == "!").armed else "-"
    assert shown == expected


def test_an_alarm_tells_its_beginning_peak_and_end():
    stream = AlarmStream(BRIEF, RATE)
    areas = [0, 10, 30, 0, 50, 20, 50, 0, 0, 0]
    probabilities = [0.1, 0.6, 0.7, 0.2, 0.8, 0.95, 0.8, 0.3, 0.1, 0.1]
    rows = [_row(n, p, a) for n, (p, a) in enumerate(zip(probabilities, areas, strict=True))]
    steps = [stream.push(row, remaining=row.max_probability) for row in rows]
    (ended,) = [step.ended for step in steps if step.ended]
    assert (ended.start_frame, ended.raised_frame, ended.end_frame, ended.peak_frame) == (1, 4, 7, 4)
    assert (ended.start_s, ended.raised_s, ended.end_s, ended.peak_s) == (0.1, 0.4, 0.7, 0.4)
    assert (ended.peak_area_px, ended.peak_area_share, ended.peak_probability) == (50, 0.05, 0.95)
    assert ended.ended_by is Ending.GAS_GONE
    assert steps[4].raised
    assert steps[4].alarm.ended_by is None
    told = json.loads(json.dumps(ended.to_json()))
    assert told["peak_box"] == {"x": 5, "y": 6, "width": 7, "height": 8}
    assert told["ended_by"] == "gas gone"
    assert stream.finish() is None


def test_an_alarm_goes_on_by_what_remains_at_its_place():
    """It follows the mask; a high probability elsewhere that makes no mask does not keep it on."""
    stream = AlarmStream(AlarmConfig(window_s=0.0), RATE)
    assert stream.place is None
    assert stream.push(_row(0, 0.9, 10)).raised
    assert stream.place == (5, 6, 7, 8)
    stream.push(_row(1, 0.9, 10)._replace(box_x=20))
    assert stream.place == (20, 6, 7, 8)
    assert stream.push(_row(2, 0.45, 0), remaining=0.3).alarm.end_frame == 2
    assert stream.place == (20, 6, 7, 8)
    ended = stream.push(_row(3, 0.45, 0), remaining=0.29).ended
    assert (ended.end_frame, ended.peak_probability) == (2, 0.9)
    assert stream.place is None


@pytest.mark.parametrize(
    ("timeline", "endings"),
    [("XXX....", [Ending.GAS_GONE]), ("XXX!...", [Ending.CAMERA_MOVED]), ("XXXX", [Ending.VIDEO_ENDED])],
)
def test_an_alarm_says_why_it_ended(timeline, endings):
    assert [alarm.ended_by for alarm in _run(timeline)[1]] == endings


def test_the_refractory_time_holds_back_what_returns_and_raises_what_lasts():
    config = AlarmConfig(window_s=0.3, persistence=1.0, refractory_s=1.0)
    #                ends at 0.2 s     held back       too late for it
    shown, alarms = _run("XXX..XXXX...XXXXXXX", config)
    assert shown == "..a...........aAAAA"
    assert [alarm.number for alarm in alarms] == [1, 2]
    assert _run("XXX.XXXXXXXXXXX", config)[0] == "..a.........aAA"


@pytest.mark.parametrize(
    ("config", "raised"),
    [
        (AlarmConfig(on=0.6, window_s=0.0, minimum_pixels=20, minimum_share=0.02), True),
        (AlarmConfig(on=0.61, window_s=0.0), False),
        (AlarmConfig(window_s=0.0, minimum_pixels=21), False),
        (AlarmConfig(window_s=0.0, minimum_share=0.021), False),
    ],
)
def test_evidence_needs_probability_and_area(config, raised):
    assert AlarmStream(config, RATE).push(_row(0, 0.6, 20)).raised is raised
    assert not AlarmStream(config, RATE).push(_row(0, 1.0, 0)).raised


@pytest.mark.parametrize(
    ("rate", "expected"), [(15.0, (8, 15)), (30.0, (15, 30)), (1.0, (1, 1)), (0.1, (1, 1)), (29.97, (15, 30))]
)
def test_the_window_is_a_time_at_any_frame_rate(rate, expected):
    assert AlarmConfig().frames(rate) == expected


def test_the_share_of_a_window_is_not_rounded_up_by_float_error():
    assert AlarmConfig(window_s=1.0, persistence=0.55).frames(20.0) == (11, 20)


def test_thresholds_are_the_rules_own_unless_given():
    gate = mask_rule("confidence_gate:low=0.4,high=0.8")
    assert (alarm_config(None, gate).on, alarm_config(None, gate).off) == (0.8, 0.4)
    assert alarm_config("window_s=3", gate) == AlarmConfig(on=0.8, off=0.4, window_s=3.0)
    assert (alarm_config("on=0.3", gate).on, alarm_config("on=0.3", gate).off) == (0.3, 0.3)
    assert (alarm_config("off=0.9", gate).on, alarm_config("off=0.9", gate).off) == (0.9, 0.9)
    assert alarm_config(None, mask_rule("minmax_opening")) == AlarmConfig()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("on=2", "alarm: on is 2.0, it must lie between 0 and 1"),
        ("on=0.2,off=0.5", "off is 0.5, it must not exceed on, 0.2"),
        ("persistence=0", "persistence is 0"),
        ("minimum_pixels=-1", "minimum_pixels is -1, the least is 0"),
        ("minimum_pixels=1.5", "minimum_pixels is 1.5, it must be a whole number"),
        ("refractory_s=1e300", r"refractory_s is 1e\+300, it must lie between 0 and 86400 seconds"),
        ("window_s=-1", "window_s is -1.0, it must lie between 0 and 86400 seconds"),
        ("refractory_s=1e999", "refractory_s is inf"),
        ("window=2", "unknown setting 'window': the settings are on, off, .*did you mean 'window_s'"),
        ("on", "'on' is not a setting: write SETTING=NUMBER"),
    ],
)
def test_bad_settings_are_refused(text, words):
    with pytest.raises(UserError, match=words):
        alarm_config(text, mask_rule("minmax_opening"))


_rows = st.lists(
    st.tuples(
        st.sampled_from([0.1, 0.35, 0.55, 0.7, 0.9]),
        st.sampled_from([0, 5, 50]),
        st.booleans() | st.just(False) | st.just(False),
    ),
    max_size=60,
).map(lambda frames: [(_row(n, p, a), moved) for n, (p, a, moved) in enumerate(frames)])
_configs = st.builds(
    AlarmConfig,
    on=st.sampled_from([0.4, 0.5, 0.6, 0.8]),
    off=st.sampled_from([0.2, 0.3, 0.4]),
    minimum_pixels=st.sampled_from([0, 10]),
    window_s=st.sampled_from([0.0, 0.3, 0.8]),
    persistence=st.sampled_from([0.01, 0.5, 1.0]),
    refractory_s=st.sampled_from([0.0, 0.5, 2.0]),
)


class TestAnyTimeline:
    @given(_rows, _configs)
    def test_alarms_last_are_in_order_and_keep_their_distance(self, rows, config):
        needed, window = config.frames(RATE)
        shown, alarms = _push(rows, config)
        assert [alarm.number for alarm in alarms] == list(range(1, len(alarms) + 1))
        for alarm in alarms:
            assert alarm.start_frame <= alarm.raised_frame <= alarm.end_frame
            assert alarm.start_frame <= alarm.peak_frame <= alarm.end_frame
            assert alarm.end_frame - alarm.start_frame + 1 >= needed
            assert alarm.raised_frame - alarm.start_frame < window
            assert shown[alarm.raised_frame] == "a"
        for earlier, later in pairwise(alarms):
            assert later.start_frame > earlier.end_frame
            assert later.raised_s >= earlier.end_s + config.refractory_s

    @given(_rows, _configs)
    def test_none_is_on_while_suspended(self, rows, config):
        shown, _ = _push(rows, config)
        assert all(state == "." for state, (_, suspended) in zip(shown, rows, strict=True) if suspended)

    @given(_rows, _configs, st.integers(0, 60))
    def test_the_future_changes_nothing_that_was_said(self, rows, config, cut):
        assert _push(rows, config)[0][:cut] == _push(rows[:cut], config)[0]

    @given(_rows, _configs, st.sampled_from(["on", "minimum_pixels", "persistence"]))
    def test_a_stricter_setting_never_raises_the_first_alarm_earlier(self, rows, config, name):
        stricter = {"on": 0.85, "minimum_pixels": 20, "persistence": 1.0}[name]
        harder = AlarmConfig(**{**vars(config), name: stricter})
        first = [_push(rows, each)[0].find("a") for each in (config, harder)]
        assert first[1] == -1 or 0 <= first[0] <= first[1]

    @given(_rows, _configs)
    def test_without_evidence_there_is_no_alarm(self, rows, config):
        below = [(row._replace(max_probability=min(row.max_probability, config.on - 0.05)), s) for row, s in rows]
        assert _push(below, config)[1] == []
