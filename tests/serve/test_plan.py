import json

import numpy as np
import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.alarms import alarm_config
from jvlgs_jax.inference.postprocess import ConfidenceGate, MinMaxOpening, mask_rule
from jvlgs_jax.serve.plan import defaults, read_plan

OWN = ConfidenceGate(low=0.2, high=0.4, minimum_share=0.001)
SQUARE = [[0, 0], [9, 0], [9, 9], [0, 9]]


def test_without_wishes_the_models_own_rule_holds(tmp_path):
    plan = read_plan({}, OWN, tmp_path / "regions.json")
    assert plan.watch.rule == OWN
    assert (plan.watch.alarm.on, plan.watch.alarm.off) == (0.4, 0.2)
    assert plan.regions is None
    assert list(tmp_path.iterdir()) == []


def test_wishes_change_the_rule_and_the_alarm_with_it(tmp_path):
    wish = {"rule": {"high": 0.7, "minimum_pixels": 12}, "alarm": {"window_s": 2}, "camera": {"shift": 1}}
    watch = read_plan(wish, OWN, tmp_path / "regions.json").watch
    assert watch.rule == ConfidenceGate(low=0.2, high=0.7, minimum_share=0.001, minimum_pixels=12)
    assert (watch.alarm.on, watch.alarm.off, watch.alarm.window_s) == (0.7, 0.2, 2.0)
    assert watch.camera.shift == 1.0


def test_the_command_means_the_same(tmp_path):
    """Its texts, read as `jvlgs predict` reads them, give the settings that the page asked for."""
    plan = read_plan({"rule": {"high": 0.7}, "alarm": {"persistence": 0.75}}, OWN, tmp_path / "regions.json")
    options = dict(word.removeprefix("--").split("=", 1) for word in plan.command)
    rule = mask_rule(options["rule"])
    assert rule == plan.watch.rule
    assert alarm_config(options["alarm"], rule) == plan.watch.alarm
    assert read_plan({}, MinMaxOpening(), tmp_path / "regions.json").command == ("--rule=minmax_opening",)


def test_drawn_regions_are_watched_and_kept_as_a_file_for_predict(tmp_path):
    file = tmp_path / "regions.json"
    plan = read_plan({"regions": {"include": [SQUARE], "exclude": []}}, OWN, file)
    watched = plan.regions.watched((20, 30))
    assert watched.sum() == 100
    assert np.array_equal(watched, watched & (np.add.outer(np.arange(20), np.zeros(30)) < 10))
    assert json.loads(file.read_text()) == {"include": [SQUARE], "exclude": []}


@pytest.mark.parametrize("drawn", [None, {}, {"include": []}, {"exclude": []}, {"include": [], "exclude": []}])
def test_without_a_polygon_all_is_watched(tmp_path, drawn):
    assert read_plan({"regions": drawn}, OWN, tmp_path / "regions.json").regions is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ([], "settings: must be an object of rule, alarm, camera, regions"),
        ({"prompts": ["x"]}, "settings: must be an object of"),
        ({"rule": {"high": 7}}, "confidence gate: high is 7.0, it must lie between 0 and 1"),
        ({"rule": {"high": float("nan")}}, "high is nan"),
        ({"rule": {"hihg": 0.5}}, "unknown setting 'hihg'"),
        ({"rule": {"high": "0.5"}}, "rule: high is '0.5', it must be a number"),
        ({"rule": {"name": "minmax_opening"}}, "rule: name is 'minmax_opening', it must be a number"),
        ({"rule": {"minimum_pixels": 0.5}}, "minimum_pixels is 0.5, it must be a whole number"),
        ({"alarm": 3}, "alarm: must be an object of numbers"),
        ({"alarm": {"window_s": 1e300}}, "alarm: window_s is 1e\\+300"),
        ({"camera": {"shift": 0}}, "camera: shift is 0.0"),
        ({"regions": [SQUARE]}, "must be an object with"),
        ({"regions": []}, "must be an object with"),
        ({"regions": 0.0}, "must be an object with"),
        ({"regions": {"inside": []}}, "must be an object with"),
        ({"regions": {"include": False}}, "include: must be a list of polygons"),
        ({"regions": {"include": [[[0, 0]]]}}, "include: polygon 1: must be a list of at least 3 corners"),
    ],
)
def test_other_wishes_are_told_in_one_line(tmp_path, wish, words):
    with pytest.raises(UserError, match=words) as told:
        read_plan(wish, OWN, tmp_path / "regions.json")
    assert "\n" not in str(told.value)


def test_the_page_is_told_the_models_own_settings():
    known = defaults(OWN)
    assert known["rule"]["high"] == known["alarm"]["on"] == 0.4
    json.dumps(known)
    assert "high" not in defaults(MinMaxOpening())["rule"]
