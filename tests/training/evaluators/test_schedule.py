from math import nan
from typing import ClassVar

import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.training.config import EvaluatorConfig, SelectionConfig, TrainConfig
from jvlgs_jax.training.evaluators import schedule
from jvlgs_jax.training.evaluators.findings import Findings, HeldOut
from jvlgs_jax.training.evaluators.schedule import Evaluators
from jvlgs_jax.training.mesh import MeshConfig, make_mesh
from training.toy import DATA, toy_bundle, toy_scene

HELD_OUT = HeldOut(test=[toy_scene("a", 0)], validation=[toy_scene("b", 1)])
FULL = EvaluatorConfig(name="full", metrics=("jvlgs_j", "davis_f"))
QUICK = EvaluatorConfig(name="quick", part="validation", every=3)


class FakeEvaluator:
    """Finds what it is told to."""

    metrics: ClassVar = {
        "jvlgs_j": 0.25,
        "davis_f": 0.5,
        "jvlgs_f": 0.75,
        "false_alarm_rate": nan,
        "detection_rate": 1.0,
    }
    error: Exception | None = None

    def __init__(self, config, held_out, *, stopped):
        self.stopped = stopped

    def __call__(self, bundle, *, final):
        if self.error is not None:
            raise self.error
        return None if self.stopped() else Findings(metrics={**self.metrics, "davis_j": float(final)})


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(schedule, "FrameEvaluator", FakeEvaluator)


def evaluators(held_out: HeldOut = HELD_OUT, stopped: bool = False, **settings) -> Evaluators:
    config = TrainConfig(**{"steps": 8, "evaluators": (FULL, QUICK), **settings})
    return Evaluators(config, held_out, data=DATA, mesh=make_mesh(MeshConfig(data=1)), stopped=lambda: stopped)


def test_each_runs_on_its_schedule_and_all_at_the_end():
    own = evaluators()
    assert [[one.name for one in own.due(step)] for step in range(9)] == [
        [], [], [], ["quick"], [], [], ["quick"], [], ["full", "quick"]
    ]  # fmt: skip
    assert own.run(2, lambda: pytest.fail("no model is asked for")) == {}
    assert [own.run(step, toy_bundle)["quick"].metrics["davis_j"] for step in (6, 8)] == [False, True]


def test_what_is_recorded():
    own = evaluators()
    assert own.record(own.run(8, toy_bundle)) == {
        "full/jvlgs_j": 0.25,
        "full/davis_f": 0.5,
        "quick/jvlgs_j": 0.25,
        "quick/jvlgs_f": 0.75,
        "quick/detection_rate": 1.0,
    }


def test_one_of_them_says_how_good_a_model_is():
    for goal, sign in (("highest", 1), ("lowest", -1)):
        own = evaluators(selection=SelectionConfig(evaluator="quick", metric="jvlgs_f", goal=goal))
        assert own.quality(own.run(6, toy_bundle)) == sign * 0.75
        assert own.quality({}) is None
        assert [own.selects(step) for step in (2, 3, 8)] == [False, True, True]
    undefined = evaluators(selection=SelectionConfig(evaluator="quick", metric="false_alarm_rate"))
    assert undefined.quality(undefined.run(6, toy_bundle)) is None
    assert evaluators().quality(evaluators().run(8, toy_bundle)) is None


def test_errors_carry_the_name_of_the_evaluator(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(FakeEvaluator, "error", UserError("the disk is full"))
    with pytest.raises(UserError, match="evaluator 'quick': the disk is full"):
        evaluators().run(3, toy_bundle)
    monkeypatch.setattr(FakeEvaluator, "error", ZeroDivisionError("of ours"))
    with pytest.raises(ZeroDivisionError) as raised:
        evaluators().run(3, toy_bundle)
    assert raised.value.__notes__ == ["raised by the evaluator 'quick' at step 3"]


def test_an_interrupted_one_ends_the_turn():
    assert evaluators(stopped=True).run(8, toy_bundle) is None


def test_without_scenes_an_evaluator_is_left_out_unless_it_decides():
    own = evaluators(HeldOut(test=HELD_OUT.test))
    assert [one.name for one in own.due(8)] == ["full"]
    with pytest.raises(UserError, match=r"selection\.evaluator is 'quick', but there is no validation scene"):
        evaluators(HeldOut(), selection=SelectionConfig(evaluator="quick"))


def test_scenes_that_are_not_there():
    with pytest.raises(UserError, match=r"full has no test scene or group 'aa': did you mean 'a'\?"):
        evaluators(evaluators=(EvaluatorConfig(name="full", scenes=("aa",)),))
    with pytest.raises(UserError, match=r"'a': that part has none; see data\.validation"):
        evaluators(HeldOut(), evaluators=(EvaluatorConfig(part="validation", scenes=("a",)),))
