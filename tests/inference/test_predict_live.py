import json

import pytest
from staged_runs import Network, camera, end_at, interrupt, read_results, watch_config

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference import predict as predict_module
from jvlgs_jax.inference.predict import predict


def test_of_a_live_input_events_and_report_appear_on_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr(predict_module, "PUBLISHED_EVERY_S", 0.0)
    seen = []

    def see(each, picture):
        if each.row.frame == 20:
            seen.append(json.loads((tmp_path / "events.json").read_text()))
            seen.append((tmp_path / "report.html").read_text())
            seen.append((tmp_path / "frames.csv").exists())

    predict(camera(30), Network(), watch_config("confidence_gate", window_s=0.2), tmp_path, see=see)
    events, report, table = seen
    assert (events["summary"]["frames"], events["summary"]["alarms"]) == (20, 1)
    assert [event["ended_by"] for event in events["events"]] == [None]  # it is still on
    assert events["video"]["path"] == "rtsp://host/yard"
    assert events["video"]["began"] == "2026-01-02T03:04:05+00:00"
    assert "1 alarm" in report
    assert "yard" in report
    assert not table
    assert "secret" not in report + str(events)
    assert len(read_results(tmp_path)[-1]) == 30
    assert json.loads((tmp_path / "events.json").read_text())["events"][0]["ended_by"] == "video ended"


def test_a_live_input_goes_on_with_new_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(predict_module, "SAVED_EVERY", 4)
    with pytest.raises(KeyboardInterrupt):
        predict(camera(30), Network(), watch_config("confidence_gate"), tmp_path, see=end_at(9, interrupt))
    predict(camera(5), Network(), watch_config("confidence_gate"), tmp_path)
    assert [row["frame"] for row in read_results(tmp_path)[-1]] == [str(index) for index in range(8 + 5)]


def test_a_live_input_that_ends_before_its_first_frame_is_told(tmp_path):
    with pytest.raises(UserError, match="rtsp://host/yard: ended before its first frame"):
        predict(camera(0), Network(), watch_config("confidence_gate"), tmp_path)
    assert list(tmp_path.iterdir()) == []
