import dataclasses
import math

import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.training.config import EvaluatorConfig, SelectionConfig, TrainConfig
from jvlgs_jax.training.optimizer import OptimizerConfig, make_optimizer

PUBLISHED = TrainConfig(
    epochs=60.0,
    optimizer=OptimizerConfig(decay_epochs=(45.0,), warmup_epochs=0.5),
    evaluators=(EvaluatorConfig(every_epochs=10.0), EvaluatorConfig(name="often", every=7)),
)


def test_epochs_become_steps_once():
    config = PUBLISHED.in_steps(12.5)
    assert (config.steps, config.epochs) == (750, None)
    assert config.optimizer == OptimizerConfig(decay_steps=(562,), warmup_steps=6)
    assert [(one.every, one.every_epochs) for one in config.evaluators] == [(125, None), (7, None)]
    assert config.in_steps(99.0) == config


def test_a_training_has_a_length():
    with pytest.raises(UserError, match=r"train\.steps and train\.epochs are both None"):
        TrainConfig().in_steps(10.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TrainConfig(steps=5, epochs=2.0), r"train\.steps.*both given \(5 steps, 2\.0 epochs\)"),
        (lambda: EvaluatorConfig(every=5, every_epochs=1.0), r"test\.every.*both given"),
        (lambda: OptimizerConfig(decay_steps=(5,), decay_epochs=(1.0,)), "decay_steps.*both given"),
        (lambda: OptimizerConfig(warmup_steps=5, warmup_epochs=1.0), "warmup_steps.*both given"),
        (lambda: TrainConfig(epochs=0.0), r"train\.epochs is 0\.0, it must be above 0"),
        (lambda: TrainConfig(steps=-1), r"train\.steps is -1"),
        (lambda: TrainConfig(epochs=math.inf), r"train\.epochs is inf"),
        (lambda: TrainConfig(loss="foo"), "unknown loss 'foo': the choices are published, intended"),
        (lambda: EvaluatorConfig(every=0), r"test\.every is 0"),
        (lambda: TrainConfig(attention="pallas"), "unknown attention 'pallas': did you mean 'pallas_tpu'"),
    ],
)
def test_one_unit_and_above_zero(make, message: str):
    with pytest.raises(UserError, match=message):
        make()


def test_an_optimizer_counts_steps():
    with pytest.raises(ValueError, match="convert them"):
        make_optimizer(PUBLISHED.optimizer, 10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"evaluators": (EvaluatorConfig(), EvaluatorConfig())}, "called test, test: give each a name of its own"),
        ({"selection": SelectionConfig(evaluator="quick")}, "evaluator is 'quick': the evaluators are test, often"),
        ({"selection": SelectionConfig(evaluator="often", metric="loss")}, "metric is 'loss': often has jvlgs_j"),
        (
            {"evaluators": (EvaluatorConfig(),), "selection": SelectionConfig(evaluator="test")},
            "runs only at the end: give it an `every`",
        ),
    ],
)
def test_evaluators_and_selection_fit_each_other(changes: dict, message: str):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(PUBLISHED, **changes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "a/b"}, "'a/b' is no name"),
        ({"metrics": ("jvlgs_j", "loss")}, "test has no metric 'loss': those of 'frames' are jvlgs_j"),
        ({"rule": "minmax"}, "unknown rule 'minmax'"),
    ],
)
def test_an_evaluator_that_cannot_be(settings: dict, message: str):
    with pytest.raises(UserError, match=message):
        EvaluatorConfig(**settings)


@pytest.mark.parametrize(
    ("only", "message"),
    [
        (("video_encoder/.*",), "init_only holds 1 patterns, but train.init_from 2 folders"),
        (("video_encoder/.*", "("), r"init_only holds '\(', which is no regular expression"),
    ],
)
def test_what_is_taken_of_each_folder(only: tuple[str, ...], message: str):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(PUBLISHED, init_from=("a", "b"), init_only=only)
