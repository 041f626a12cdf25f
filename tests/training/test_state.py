from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from flax import nnx

from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.model_folder import save_model
from jvlgs_jax.interop.parameters import flatten
from jvlgs_jax.training.state import create_state, evaluation_model, with_weights
from training.toy import FROZEN, toy_bundle, toy_network

ADAM = optax.adam(1e-3)


def test_every_variable_is_in_one_group():
    model = toy_network()
    _, state = create_state(model, ["text_encoder/.*", "norm/.*"], ADAM, ema=False)
    groups = [set(flatten(group)) for group in (state.params, state.frozen, state.stats)]
    assert groups[0] == {
        "levels/0/kernel",
        "levels/0/bias",
        "levels/1/kernel",
        "levels/1/bias",
        "head/kernel",
        "head/bias",
    }
    assert groups[1] == {"text_encoder/embedding", "norm/scale", "norm/bias", "norm/mean", "norm/var", "norm/count"}
    assert groups[2] == set()


def test_frozen_parts_take_no_optimizer_memory():
    _, state = create_state(toy_network(), ["text_encoder/.*"], ADAM, ema=False)
    shapes = {leaf.shape for leaf in jax.tree.leaves(state.opt_state)}
    assert state.frozen["text_encoder"]["embedding"].shape not in shapes


def test_the_state_owns_its_arrays():
    model = toy_network()
    _, state = create_state(model, [], ADAM, ema=True)
    jax.tree.map(lambda x: x.delete(), state)
    assert np.isfinite(model.head.kernel[...]).all()


@pytest.mark.parametrize("ema", [False, True])
def test_the_evaluated_weights_are_the_mean_if_there_is_one(ema: bool):
    graphdef, state = create_state(toy_network(), [], ADAM, ema=ema)
    jax.tree.map(lambda x: x.delete(), (state.params, state.stats) if ema else ())
    model = evaluation_model(graphdef, state)
    assert model.norm.use_running_average
    np.testing.assert_array_equal(model.norm.mean[...], toy_network().norm.mean[...])
    np.testing.assert_array_equal(model.head.kernel[...], nnx.state(toy_network())["head"]["kernel"][...])


def test_the_weights_of_a_folder_or_of_a_part_of_it_replace_the_own(tmp_path: Path):
    other = toy_bundle()
    nnx.update(other.model, jax.tree.map(lambda x: x + 1, nnx.state(other.model)))
    save_model(tmp_path / "other", other)
    graphdef, state = create_state(toy_network(), FROZEN, ADAM, ema=True)
    own = flatten(nnx.state(evaluation_model(graphdef, state)))
    for only, taken in ((".*", set(own)), ("levels/.*|text_encoder/.*", {path for path in own if path[0] in "lt"})):
        begun = flatten(
            nnx.state(evaluation_model(graphdef, with_weights(graphdef, state, FROZEN, [(tmp_path / "other", only)])))
        )
        for path, value in own.items():
            np.testing.assert_array_equal(begun[path], value + (path in taken), err_msg=f"{only} {path}")
    with pytest.raises(UserError, match=r"other: none of its arrays matches 'video_encoder/\.\*'"):
        with_weights(graphdef, state, FROZEN, [(tmp_path / "other", "video_encoder/.*")])


def test_parts_come_from_several_folders(tmp_path: Path):
    for name, added in (("one", 1), ("two", 2)):
        other = toy_bundle()
        nnx.update(other.model, jax.tree.map(lambda x, added=added: x + added, nnx.state(other.model)))
        save_model(tmp_path / name, other)
    graphdef, state = create_state(toy_network(), FROZEN, ADAM, ema=False)
    own = flatten(nnx.state(evaluation_model(graphdef, state)))
    sources = [(tmp_path / "one", "levels/.*"), (tmp_path / "two", "text_encoder/.*")]
    begun = flatten(nnx.state(evaluation_model(graphdef, with_weights(graphdef, state, FROZEN, sources))))
    added = {"levels": 1, "text_encoder": 2}
    for path, value in own.items():
        np.testing.assert_array_equal(begun[path], value + added.get(path.split("/")[0], 0), err_msg=path)
    both = [(tmp_path / "one", "head/.*"), (tmp_path / "two", ".*bias")]
    with pytest.raises(UserError, match=r"one and .*two both give head/bias: choose by train.init_only"):
        with_weights(graphdef, state, FROZEN, both)


@pytest.mark.parametrize(
    ("frozen", "message"),
    [
        (["txt_encoder/.*"], "'txt_encoder/.*', which matches no variable.*text_encoder"),
        (["("], "no regular expression"),
        ([".*"], "nothing to train"),
    ],
)
def test_bad_patterns(frozen: list[str], message: str):
    with pytest.raises(UserError, match=message):
        create_state(toy_network(), frozen, ADAM, ema=False)
