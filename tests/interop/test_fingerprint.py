import dataclasses

import numpy as np
from flax import nnx

from jvlgs_jax.interop.fingerprint import fingerprint
from jvlgs_jax.interop.model_folder import ModelBundle, abstract_model, describe_use, load_model, save_model
from jvlgs_jax.interop.parameters import flatten, replace


def filled(config, value):
    graphdef, state = nnx.split(abstract_model(config))
    arrays = {path: np.full(leaf.shape, value, leaf.dtype) for path, leaf in flatten(state).items()}
    return ModelBundle(nnx.merge(graphdef, replace(state, arrays)), ("a", "b", "c", "d"), "rgb", (64, 96))


def test_it_follows_the_arrays_and_their_use_through_a_file(config, tmp_path):
    bundle = filled(config, 0.5)
    save_model(tmp_path / "model", bundle)
    assert fingerprint(load_model(tmp_path / "model")) == fingerprint(bundle)
    others = [filled(config, 0.25), dataclasses.replace(bundle, planes="grey"), dataclasses.replace(bundle, step=2)]
    others.append(dataclasses.replace(bundle, coarse_size=(32, 64)))
    assert len({fingerprint(of) for of in (bundle, *others)}) == 5


def test_a_model_of_one_look_has_the_hash_it_had_before_there_were_two(config, monkeypatch):
    bundle = filled(config, 0.5)
    before = {name: value for name, value in describe_use(bundle).items() if name != "coarse_size"}
    found = fingerprint(bundle)
    monkeypatch.setattr("jvlgs_jax.interop.fingerprint.describe_use", lambda of: before)
    assert fingerprint(bundle) == found


def test_prompts_and_rule_are_not_the_network(config):
    bundle = filled(config, 0.5)
    other = dataclasses.replace(bundle, prompts=("a",), rule={"name": "minmax_opening"})
    assert fingerprint(other) == fingerprint(bundle)
