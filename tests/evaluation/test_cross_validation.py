import json

import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.cross_validation import cross_validation, fold_tables, folds_as_json
from jvlgs_jax.evaluation.records import FrameRecord


def frame(scene, index, tp=0, fp=0, fn=0):
    return FrameRecord(scene, index, tp, fp, fn, 1000 - tp - fp - fn, 0.5, tp + fp, tp, tp + fn, tp)


# One fold of two scenes with three scored frames of IoU 1, 1, 0 and a leak-free frame; one of a scene of IoU 0.5.
FIRST = [frame("a", 0), frame("a", 1, tp=50), frame("a", 2, tp=50), frame("b", 0, fn=50)]
SECOND = [frame("c", 0, tp=50, fn=50), frame("c", 1, fp=10)]
FOLDS = {"grouped/0": {"model": FIRST, "mog2": FIRST}, "grouped/1": {"model": SECOND, "mog2": SECOND}}


def test_each_convention_takes_its_own_mean_over_folds():
    of = cross_validation(FOLDS)["model"]
    assert of.folds["grouped/0"].jvlgs.j == pytest.approx(2 / 3)  # over frames, whatever scene they are of
    assert of.folds["grouped/1"].jvlgs.j == 0.25
    assert of.overall.jvlgs.j == pytest.approx((2 / 3 + 0.25) / 2)  # then over folds
    assert of.overall.davis.j == pytest.approx((1 + 0 + 0.25) / 3)  # over scenes
    assert of.overall.alarms.false_alarm_rate == 0.5  # one of two leak-free frames of all folds
    assert of.scenes.jvlgs.parts["b"].j == 0


def test_one_fold_is_scored_as_such():
    of = cross_validation({"grouped/0": {"model": FIRST}})["model"]
    assert of.overall == of.folds["grouped/0"]


def test_the_tables_show_methods_folds_and_videos_and_say_what_the_numbers_mean():
    text = fold_tables(cross_validation(FOLDS))
    methods, folds, videos, conventions = text.split("\n\n")
    assert [line.split()[0] for line in methods.splitlines()[3:]] == ["model", "mog2"]
    assert [line.split()[0] for line in folds.splitlines()[3:]] == ["grouped/0", "grouped/1", "all"]
    assert [line.split()[0] for line in videos.splitlines()[2:]] == ["a", "b", "c"]
    assert "then over 2 folds" in conventions
    assert "J 0.458" in conventions


def test_it_is_stored_as_plain_json():
    stored = json.loads(json.dumps(folds_as_json(cross_validation(FOLDS)), allow_nan=False))
    assert stored["model"]["folds"]["grouped/1"]["jvlgs"]["j"] == 0.25
    assert stored["model"]["all folds"]["jvlgs"]["parts"]["grouped/1"]["frames"] == 2
    assert stored["mog2"]["scenes"]["jvlgs"]["parts"]["c"]["j"] == 0.25
    assert stored["model"]["all folds"]["alarms"]["missed_scenes"] == 1


def test_folds_that_do_not_belong_together_are_refused():
    with pytest.raises(UserError, match="folds grouped/0 and published/0 both score scene a"):
        cross_validation({"grouped/0": {"model": FIRST}, "published/0": {"model": FIRST}})
    with pytest.raises(UserError, match="fold grouped/0 also scores mog2"):
        cross_validation({"grouped/0": FOLDS["grouped/0"], "grouped/1": {"model": SECOND}})
