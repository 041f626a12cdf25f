import json

import pytest

from jvlgs_jax.inference.alarms import AlarmConfig, AlarmStream
from jvlgs_jax.inference.event_log import EventLog
from jvlgs_jax.inference.frame_table import FrameRow
from jvlgs_jax.inference.watching import Event, News, Suspension


def _events():
    stream = AlarmStream(AlarmConfig(window_s=0.0), 1.0)
    raised = stream.push(FrameRow(0, 0.0, 0.9, 5, 0.1, 1, 2, 3, 4)).alarm
    moved = Suspension(start_frame=1, start_s=1.0, end_frame=1, end_s=1.0)
    return [
        Event(News.ALARM_RAISED, raised),
        Event(News.ALARM_ENDED, stream.finish()),
        Event(News.CAMERA_MOVED, moved),
        Event(News.CAMERA_SETTLED, moved),
    ]


@pytest.mark.parametrize("number", [0, 1, 2, 4])
def test_what_is_over_is_in_the_file_once(tmp_path, number):
    log = EventLog(tmp_path / "lines")
    for event in _events()[:number]:
        log.add(event)
    log.publish(tmp_path / "events.json", {"summary": {"frames": 2}, "video": {"path": 'a "b".mp4'}})
    log.close()
    content = json.loads((tmp_path / "events.json").read_text())
    assert [event["type"] for event in content["events"]] == {0: [], 1: [], 2: ["alarm"]}.get(
        number, ["alarm", "camera_motion"]
    )
    assert content["format"] == 1
    assert content["summary"] == {"frames": 2}
    assert content["video"] == {"path": 'a "b".mp4'}
    if number == 4:
        alarm, motion = content["events"]
        assert alarm["peak_box"] == {"x": 1, "y": 2, "width": 3, "height": 4}
        assert alarm["ended_by"] == "video ended"
        assert motion == {"type": "camera_motion", "start_frame": 1, "start_s": 1.0, "end_frame": 1, "end_s": 1.0}


def test_a_log_goes_on_where_it_was_saved(tmp_path):
    """As after a kill: what was added after the last saving is added again."""
    log = EventLog(tmp_path / "lines")
    log.add(_events()[1])
    length = log.saved()
    log.add(_events()[3])
    log.close()
    log = EventLog(tmp_path / "lines", length)
    log.add(_events()[3])
    log.publish(tmp_path / "events.json", {})
    log.close()
    content = json.loads((tmp_path / "events.json").read_text())
    assert [event["type"] for event in content["events"]] == ["alarm", "camera_motion"]


def test_what_goes_on_is_published_too_and_does_not_stay(tmp_path):
    log, target = EventLog(tmp_path / "lines"), tmp_path / "events.json"
    alarm = _events()[0].about
    log.publish(target, {"summary": {}}, going_on=alarm)
    (going_on,) = json.loads(target.read_text())["events"]
    assert (going_on["type"], going_on["ended_by"]) == ("alarm", None)
    log.add(_events()[1])
    log.publish(target, {"summary": {}})
    log.close()
    (over,) = json.loads(target.read_text())["events"]
    assert over["ended_by"] == "video ended"
