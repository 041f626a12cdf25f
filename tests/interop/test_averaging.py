import dataclasses

import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.averaging import average_models
from jvlgs_jax.interop.model_folder import ModelBundle, abstract_model
from jvlgs_jax.interop.parameters import flatten, replace


def _bundle(config, seed, **use):
    graphdef, state = nnx.split(abstract_model(config))
    rng = np.random.default_rng(seed)
    arrays = {path: rng.normal(0, 1, leaf.shape).astype(leaf.dtype) for path, leaf in flatten(state).items()}
    return ModelBundle(
        **{"model": nnx.merge(graphdef, replace(state, arrays)), "prompts": ("a",), "planes": "temporal"}
        | {"input_size": (64, 96)}
        | use
    )


def _arrays(bundle):
    return {path: np.asarray(value) for path, value in flatten(nnx.state(bundle.model)).items()}


def test_every_array_is_the_weighted_mean_and_the_last_model_says_how_it_runs(config):
    start, end = (
        _bundle(config, 0),
        _bundle(config, 1, input_size=(96, 128), coarse_size=(64, 96), rule={"name": "minmax_opening"}),
    )
    mean = average_models({"start": start, "end": end}, [1.0, 3.0])
    assert (mean.input_size, mean.coarse_size) == ((96, 128), (64, 96))
    assert mean.rule is None
    found, first, second = _arrays(mean), _arrays(start), _arrays(end)
    assert found.keys() == first.keys()
    for path, value in found.items():
        if value.dtype == np.int32:  # a counter
            assert value == second[path]
            continue
        np.testing.assert_allclose(value, 0.25 * first[path] + 0.75 * second[path], rtol=1e-6, atol=1e-6)


def test_the_mean_of_a_model_and_its_copy_is_the_model(config):
    one = _bundle(config, 0)
    found, expected = _arrays(average_models({"a": one, "b": dataclasses.replace(one)}, [0.3, 0.7])), _arrays(one)
    assert all((found[path] == expected[path]).all() for path in expected)


@pytest.mark.parametrize(
    ("change", "shares", "message"),
    [
        ({"planes": "rgb"}, [1.0, 1.0], "start and end differ in planes"),
        ({"prompts": ("a", "b")}, [1.0, 1.0], "start and end differ in prompts"),
        ({}, [1.0], "give one above 0 for each of 2"),
        ({}, [1.0, 0.0], "the shares are 1.0, 0.0"),
        ({}, [1.0, float("nan")], "give one above 0"),
    ],
)
def test_what_has_no_mean_is_refused(config, change, shares, message):
    with pytest.raises(UserError, match=message):
        average_models({"start": _bundle(config, 0, **change), "end": _bundle(config, 1)}, shares)


def test_networks_of_different_sizes_are_refused(config):
    wider = dataclasses.replace(config, channels=2 * config.channels)
    with pytest.raises(UserError, match="differ in their networks"):
        average_models({"start": _bundle(wider, 0), "end": _bundle(config, 1)}, [1.0, 1.0])
    with pytest.raises(UserError, match="a mean takes two or more"):
        average_models({"start": _bundle(config, 0)}, [1.0])
