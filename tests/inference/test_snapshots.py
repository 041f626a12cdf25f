import cv2
import numpy as np
import pytest

from jvlgs_jax.inference.alarms import AlarmConfig, AlarmStream
from jvlgs_jax.inference.frame_table import FrameRow
from jvlgs_jax.inference.snapshots import Snapshots


def _alarms(number, areas):
    """So many alarms, each as long as there are areas."""
    stream = AlarmStream(AlarmConfig(window_s=0.0, refractory_s=0.0), 1.0)
    frame = 0
    for _ in range(number):
        seen = []
        for area in areas:
            row = FrameRow(frame, float(frame), 0.9, area + frame // 100, (area + frame // 100) / 1000)
            stream.push(row)
            seen.append(row)
            frame += 1
        ended = stream.push(FrameRow(frame, float(frame), 0.0, 0, 0.0)).ended
        frame += 1
        yield seen, ended


def _picture(level, size=(40, 60)):
    return np.full((*size, 3), level, np.uint8)


def _decode(jpeg):
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def test_the_picture_is_that_of_the_largest_mask():
    snapshots = Snapshots()
    ((rows, alarm),) = _alarms(1, [5, 9, 9, 7])
    for level, row in zip([10, 100, 180, 250], rows, strict=True):
        snapshots.see(row, _picture(level))
    assert snapshots.in_order() == []
    snapshots.end(alarm)
    (snapshot,) = snapshots.in_order()
    assert snapshot.alarm == alarm
    assert snapshot.row == rows[1]
    np.testing.assert_allclose(_decode(snapshot.jpeg), 100, atol=3)


def test_colors_stay_what_they_are():
    snapshots = Snapshots()
    ((rows, alarm),) = _alarms(1, [5])
    snapshots.see(rows[0], np.broadcast_to(np.array([200, 100, 20], np.uint8), (40, 60, 3)))
    snapshots.end(alarm)
    np.testing.assert_allclose(_decode(snapshots.in_order()[0].jpeg)[20, 30], [20, 100, 200], atol=6)


@pytest.mark.parametrize(
    ("size", "shown"),
    [((40, 60), (40, 60)), ((600, 1280), (300, 640)), ((1, 2000), (1, 640)), ((9, 640), (9, 640))],
)
def test_wide_pictures_are_made_smaller(size, shown):
    snapshots = Snapshots()
    ((rows, alarm),) = _alarms(1, [5])
    snapshots.see(rows[0], _picture(50, size))
    snapshots.end(alarm)
    (snapshot,) = snapshots.in_order()
    assert _decode(snapshot.jpeg).shape[:2] == (snapshot.height, snapshot.width) == shown


def test_of_many_alarms_the_largest_are_kept_in_order():
    snapshots = Snapshots(kept=3)
    for rows, alarm in _alarms(200, [1]):
        snapshots.see(rows[0], _picture(50, (4, 4)))
        snapshots.end(alarm)
    kept = [snapshot.alarm.number for snapshot in snapshots.in_order()]
    assert kept == [151, 152, 153]  # frames 300 to 399 have the largest area; of equal ones, the first


def test_an_alarm_never_seen_has_no_picture():
    snapshots = Snapshots()
    ((_, alarm),) = _alarms(1, [5])
    snapshots.end(alarm)
    assert snapshots.in_order() == []
