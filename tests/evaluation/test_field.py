from math import isnan

import pytest

from jvlgs_jax.evaluation.field import leak_free_footage, small_plumes
from jvlgs_jax.evaluation.records import FrameRecord


def frame(scene, index, tp=0, fp=0, fn=0):
    return FrameRecord(scene, index, tp, fp, fn, 1000 - tp - fp - fn, 0.5, 0, 0, 0, 0)


def test_alarms_in_a_row_are_one_alarm_and_gas_or_a_pause_or_a_new_scene_ends_it():
    alarm = {"fp": 9}
    quiet = {}
    gas = {"tp": 5, "fp": 3}
    records = [frame("a", index, **of) for index, of in enumerate([alarm, alarm, quiet, alarm, gas, alarm])]
    records += [frame("b", 0, **alarm), frame("b", 1, **quiet)]
    footage = leak_free_footage(records, {"a": 10.0, "b": 5.0})
    assert footage.alarms == 4
    assert footage.hours == pytest.approx((5 / 10 + 2 / 5) / 3600)
    assert footage.alarms_per_hour == pytest.approx(4 / 0.9 * 3600)


def test_frames_that_were_not_seen_lie_between_two_alarms():
    assert leak_free_footage([frame("a", 0, fp=1), frame("a", 5, fp=1)], {"a": 10.0}).alarms == 2


def test_without_leak_free_footage_there_is_no_rate():
    assert isnan(leak_free_footage([frame("a", 0, fn=4)], {"a": 10.0}).alarms_per_hour)


def test_small_plumes_cover_less_than_a_hundredth_of_the_image():
    records = [
        frame("a", 0, tp=5, fp=5, fn=4),  # 9 of 1000 pixels: 5/14
        frame("a", 1, fn=9),  # missed: 0
        frame("a", 2, tp=10),  # 10 of 1000: not small
        frame("a", 3, fp=50),  # no gas
        frame("b", 0, tp=3),  # 1
        frame("c", 0, tp=500),
    ]
    j, scenes = small_plumes(records)
    assert scenes == 2
    assert j == pytest.approx((5 / 14 / 2 + 1) / 2)
    assert isnan(small_plumes([frame("a", 0)]).j)
