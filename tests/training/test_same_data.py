import copy
import json
from pathlib import Path

import pytest

from jvlgs_jax.data.batches import DataConfig, MixedDataset
from jvlgs_jax.errors import UserError
from jvlgs_jax.experiment import Experiment
from jvlgs_jax.fewshot.config import MetaConfig
from jvlgs_jax.simulation.training_source import SimulatedClips
from jvlgs_jax.training.same_data import check_same_data, first_difference

HERE = Path("run")
SAVED = json.loads(
    Experiment(
        data=DataConfig(split="grouped/0of3", mixed_with=(MixedDataset(root="a"), MixedDataset(root="b"))),
        simulated=(SimulatedClips(),),
        meta=MetaConfig(),
    ).to_json()
)


def changed(path: str, value: object) -> dict:
    experiment = copy.deepcopy(SAVED)
    group, *names = path.split(".")
    place, key = experiment, group
    for name in names:
        place, key = place[key], int(name) if name.isdecimal() else name
    assert place[key] != value
    place[key] = value
    return experiment


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("seed", 3, r"seed 0, but this config says 3"),
        ("data.split", "grouped/1of3", r"data\.split 'grouped/0of3', but this config says 'grouped/1of3': set it back"),
        ("data.validation", "grouped/1of3", r"data\.validation None, but this config says 'grouped/1of3'"),
        ("data.mixed_with.1.leak_free", True, r"data\.mixed_with\[1\]\.leak_free False, but this config says True"),
        ("data.mixed_with", [], r"data\.mixed_with \[\{'root': 'a', .{1,60}\.\.\., but this config says \[\]"),
        ("simulated.0.family.seed", 5, r"simulated\[0\]\.family\.seed 0, but this config says 5"),
        ("meta.learner", "reptile", r"meta\.learner 'fomaml', but this config says 'reptile'"),
        ("meta", None, r"meta \{'learner'.*\.\.\., but this config says None"),
    ],
)
def test_what_is_trained_on_has_to_stay(path, value, message):
    with pytest.raises(UserError, match=f"^run: was trained with {message}"):
        check_same_data(HERE, SAVED, changed(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.root", "elsewhere"),
        ("data.mixed_with.1.root", "elsewhere"),
        ("data.batch_size", 2),
        ("data.workers", 3),
        ("simulated.0.abreast", 8),
        ("meta.abreast", 2),
        ("train.steps", 9),
        ("train.optimizer.learning_rate", 0.5),
        ("rule.high", 0.25),
    ],
)
def test_where_how_fast_and_how_long_may_change(path, value):
    check_same_data(HERE, SAVED, changed(path, value))


def test_an_experiment_that_is_not_known_or_older_is_no_reason_to_refuse():
    check_same_data(HERE, None, SAVED)
    check_same_data(HERE, SAVED, None)
    older = copy.deepcopy(SAVED)
    del older["meta"], older["data"]["subset"]
    check_same_data(HERE, older, SAVED)


def test_the_first_difference_is_named_whatever_its_depth():
    one = {"a": 1, "b": {"c": [1, 2], "d": [{"e": 1}, {"e": 2}]}, "only_here": 0}
    assert first_difference(one, {**one, "more": 1}) is None
    assert first_difference(one, {**one, "b": {"c": [1, 3]}}) == ("b.c", [1, 2], [1, 3])
    other = {"a": 1, "b": {"c": [1, 2], "d": [{"e": 1}, {"e": 3}]}}
    assert first_difference(one, other) == ("b.d[1].e", 2, 3)
    assert first_difference(one, other, apart_from=("e",)) is None
