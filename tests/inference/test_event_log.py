import json

import pytest

from jvlgs_jax.inference.alarms import AlarmConfig, AlarmStream
from jvlgs_jax.inference.event_log import event_log
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
    with event_log(tmp_path / "events.json") as log:
        for event in _events()[:number]:
            log.add(event)
        log.finish({"summary": {"frames": 2}, "video": {"path": 'a "b".mp4'}})
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


def test_an_interrupted_log_leaves_the_earlier_one(tmp_path):
    (tmp_path / "events.json").write_text("earlier")

    def interrupted():
        with event_log(tmp_path / "events.json") as log:
            log.add(_events()[1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("events.json", "earlier")]
