import dataclasses
from pathlib import Path

import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.cli.checkpoint import load_bundle
from jvlgs_jax.data.prompts import DEFAULT_PROMPTS
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.postprocess import ConfidenceGate, describe_rule
from jvlgs_jax.interop.model_folder import ModelBundle, abstract_model, save_model, save_rule
from jvlgs_jax.interop.parameters import flatten, replace
from jvlgs_jax.models.jvlgs import JvlgsConfig
from jvlgs_jax.training import checkpoints


@pytest.fixture(scope="module")
def bundle():
    graphdef, state = nnx.split(abstract_model(JvlgsConfig.tiny()))
    arrays = {path: np.full(leaf.shape, 0.5, leaf.dtype) for path, leaf in flatten(state).items()}
    return ModelBundle(nnx.merge(graphdef, replace(state, arrays)), DEFAULT_PROMPTS, "temporal", (64, 96))


def test_a_model_folder_is_read(tmp_path, bundle):
    save_model(tmp_path / "model", bundle)
    loaded = load_bundle(tmp_path / "model")
    assert (loaded.prompts, loaded.planes, loaded.input_size) == (DEFAULT_PROMPTS, "temporal", (64, 96))
    expected, found = (flatten(nnx.state(which.model)) for which in (bundle, loaded))
    assert found.keys() == expected.keys()
    for path, array in expected.items():
        np.testing.assert_array_equal(found[path], array)


def test_a_workdir_is_left_to_the_training_room(tmp_path, bundle, monkeypatch):
    monkeypatch.setattr(checkpoints, "load_bundle", {tmp_path: bundle}.__getitem__)
    (tmp_path / "checkpoints").mkdir()
    assert load_bundle(tmp_path) is bundle


def test_a_workdir_has_the_rule_that_its_model_was_calibrated_to(tmp_path, bundle, monkeypatch):
    monkeypatch.setattr(checkpoints, "load_bundle", {tmp_path: bundle}.__getitem__)
    (tmp_path / "checkpoints").mkdir()
    save_model(tmp_path / "model", bundle)
    rule = describe_rule(ConfidenceGate(high=0.9))
    save_rule(tmp_path / "model", rule)
    assert load_bundle(tmp_path).rule == rule
    graphdef, state = nnx.split(bundle.model)
    later = replace(state, {path: np.asarray(array) + 1 for path, array in flatten(state).items()})
    further = dataclasses.replace(bundle, model=nnx.merge(graphdef, later))  # the training has gone on since
    monkeypatch.setattr(checkpoints, "load_bundle", {tmp_path: further}.__getitem__)
    assert load_bundle(tmp_path) is further


def test_a_workdir_without_a_checkpoint_is_refused(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(UserError, match="holds no checkpoint yet"):
        load_bundle(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing", "missing: no such checkpoint: give a model folder"),
        ("empty", "empty: neither model.json nor checkpoints/ is in this folder: give a model folder"),
        ("published.pth", r"published\.pth: a file, which `jvlgs convert` may turn into a model folder"),
    ],
)
def test_anything_else_is_refused_by_name_with_what_is_expected(tmp_path, name, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "published.pth").touch()
    with pytest.raises(UserError, match=words):
        load_bundle(Path(tmp_path / name))
