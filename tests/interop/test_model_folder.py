import dataclasses
import json

import ml_dtypes
import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.data.sampling import Direction
from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.model_folder import (
    ModelBundle,
    abstract_model,
    initialize,
    load_model,
    save_arrays,
    save_model,
    save_rule,
)
from jvlgs_jax.interop.parameters import flatten, replace


@pytest.fixture(scope="module")
def bundle(config):
    graphdef, state = nnx.split(abstract_model(config))
    rng = np.random.default_rng(0)
    arrays = {path: rng.normal(0, 1, leaf.shape).astype(leaf.dtype) for path, leaf in flatten(state).items()}
    model = nnx.merge(graphdef, replace(state, arrays))
    return ModelBundle(model, ("a", "b", "c", "d"), "temporal", (64, 96), 2, Direction.PAST_ONLY, coarse_size=(32, 64))


def _arrays(model):
    return {path: np.asarray(value) for path, value in flatten(nnx.state(model)).items()}


@pytest.mark.slow
def test_what_is_saved_is_what_is_loaded(tmp_path, bundle):
    save_model(tmp_path / "model", bundle)
    loaded = load_model(tmp_path / "model")
    assert dataclasses.replace(loaded, model=bundle.model) == bundle
    assert loaded.model.config == bundle.model.config
    found, expected = _arrays(loaded.model), _arrays(bundle.model)
    assert found.keys() == expected.keys()
    assert all((found[path] == expected[path]).all() for path in expected)
    assert loaded.model.correlations[0].out.norm.use_running_average  # ready to run, not to train


@pytest.mark.parametrize("precision", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_halves_the_file_and_is_widened_again(tmp_path, bundle, precision):
    save_model(tmp_path / "whole", bundle)
    save_model(tmp_path / "half", bundle, np.dtype(precision))
    whole, half = ((tmp_path / name / "weights.safetensors").stat().st_size for name in ("whole", "half"))
    assert half < 0.55 * whole  # the header stays as it is
    found, expected = _arrays(load_model(tmp_path / "half").model), _arrays(bundle.model)
    assert {path: value.dtype for path, value in found.items()} == {path: of.dtype for path, of in expected.items()}
    for path, value in expected.items():
        np.testing.assert_allclose(found[path], value, rtol=2**-8, atol=1e-7)


def test_what_half_precision_cannot_hold_is_not_saved(tmp_path, bundle):
    model = nnx.merge(*nnx.split(bundle.model), copy=True)
    large = {"decoder/head/bias": np.full_like(_arrays(model)["decoder/head/bias"], 1e6)}
    nnx.update(model, replace(nnx.state(model), large))
    with pytest.raises(UserError, match="decoder/head/bias: holds 1e\\+06, too large for float16"):
        save_model(tmp_path / "model", dataclasses.replace(bundle, model=model), np.dtype(np.float16))
    assert not list(tmp_path.iterdir())


def test_a_rule_is_kept_and_can_be_changed_alone(tmp_path, bundle):
    save_model(tmp_path / "model", dataclasses.replace(bundle, rule={"name": "minmax_opening"}))
    assert load_model(tmp_path / "model").rule == {"name": "minmax_opening"}
    save_rule(tmp_path / "model", {"name": "confidence_gate", "low": 0.2})
    loaded = load_model(tmp_path / "model")
    assert loaded.rule == {"name": "confidence_gate", "low": 0.2}
    assert dataclasses.replace(loaded, model=bundle.model, rule=None) == bundle


def test_an_older_folder_says_nothing_of_windows_and_has_the_published_ones(tmp_path, bundle):
    save_model(tmp_path / "model", bundle)
    description = tmp_path / "model" / "model.json"
    fields = json.loads(description.read_text())
    assert (fields.pop("step"), fields.pop("direction")) == (2, "past_only")
    assert fields.pop("coarse_size") == [32, 64]
    del fields["rule"]
    description.write_text(json.dumps(fields))
    loaded = load_model(tmp_path / "model")
    assert (loaded.step, loaded.direction, loaded.rule) == (1, Direction.LOOK_AHEAD, None)
    assert loaded.coarse_size is None


def test_a_bundle_of_sizes_that_do_not_go_together_is_refused(bundle):
    with pytest.raises(UserError, match="coarse size is 32x64, larger than the input size, 32x32"):
        dataclasses.replace(bundle, input_size=(32, 32))


def test_saving_again_replaces_the_model_and_leaves_nothing_behind(tmp_path, bundle):
    for _ in range(2):
        save_model(tmp_path / "model", bundle)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_failed_save_keeps_the_earlier_model(tmp_path, bundle, monkeypatch):
    save_model(tmp_path / "model", bundle)

    def full_disk(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("jvlgs_jax.interop.model_folder.write_weights", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_model(tmp_path / "model", bundle)
    load_model(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_refuses_to_replace_a_folder_that_is_not_a_model(tmp_path, bundle):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(UserError, match="is not a model folder; choose another output"):
        save_model(tmp_path, bundle)


def test_a_part_starts_a_network_but_does_not_run(tmp_path, bundle):
    arrays = {path: value for path, value in _arrays(bundle.model).items() if path.startswith("video_encoder/")}
    save_arrays(tmp_path / "part", "video_encoder", bundle.model.config, arrays, {})
    with pytest.raises(UserError, match="holds only the video_encoder"):
        load_model(tmp_path / "part")
    model = nnx.merge(*nnx.split(bundle.model), copy=True)
    state = nnx.state(model)
    zeros = {path: np.zeros_like(value) for path, value in _arrays(model).items()}
    nnx.update(model, replace(state, zeros))
    assert initialize(model, tmp_path / "part") == sorted(arrays)
    for path, value in _arrays(model).items():
        assert (value == arrays.get(path, 0)).all(), path


def test_initialize_takes_only_what_is_asked(tmp_path, bundle):
    save_model(tmp_path / "model", bundle)
    paths = initialize(nnx.merge(*nnx.split(bundle.model), copy=True), tmp_path / "model", only="decoder/head/.*")
    assert paths == ["decoder/head/bias", "decoder/head/kernel"]
    with pytest.raises(UserError, match="none of its arrays matches 'no_such_part'"):
        initialize(bundle.model, tmp_path / "model", only="no_such_part")


def test_damaged_folders_say_what_is_wrong(tmp_path, bundle):
    with pytest.raises(UserError, match=r"not a model folder \(model.json is missing\)"):
        load_model(tmp_path)
    save_model(tmp_path / "model", bundle)
    description = tmp_path / "model" / "model.json"
    whole = description.read_text()
    description.write_text(whole[:40])
    with pytest.raises(UserError, match=r"model\.json: damaged"):
        load_model(tmp_path / "model")
    for name, value in (("step", 0), ("direction", "sideways")):
        description.write_text(json.dumps(json.loads(whole) | {name: value}))
        with pytest.raises(UserError, match=rf"model\.json: damaged .*{value}"):
            load_model(tmp_path / "model")
    for size in ([32], [32, 64, 96], 32, "ab", [32.0, 64.0], [0, 32], [32, 40], [96, 96]):
        description.write_text(json.dumps(json.loads(whole) | {"coarse_size": size}))
        with pytest.raises(UserError, match=r"model\.json: damaged .*; convert or train the model again"):
            load_model(tmp_path / "model")
    fields = json.loads(whole)
    fields["config"]["channels"] = 1
    description.write_text(json.dumps(fields))
    with pytest.raises(UserError, match=r"model\.json: damaged .*model\.channels is 1, the least is 2"):
        load_model(tmp_path / "model")
    fields["config"]["channels"] = 8
    description.write_text(json.dumps(fields))
    with pytest.raises(UserError, match=r"arrays do not fit the network.*misshapen"):
        load_model(tmp_path / "model")
