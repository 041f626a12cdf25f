import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.parameter_subset import merge_parameters, split_parameters
from jvlgs_jax.training.variable_paths import variable_path

NESTED = {"body": {"kernel": jnp.ones((2, 3)), "bias": jnp.zeros(3)}, "head": {"kernel": jnp.full((3, 1), 2.0)}}


class Net(nnx.Module):
    def __init__(self):
        self.layers = nnx.List([nnx.Linear(2, 2, rngs=nnx.Rngs(i)) for i in range(2)])


def names(tree) -> set[str]:
    return {variable_path(path) for path, _ in jax.tree_util.tree_leaves_with_path(tree)}


@pytest.mark.parametrize(
    ("params", "pattern", "chosen"),
    [(NESTED, "head/.*", {"head/kernel"}), (nnx.state(Net()), "layers/1/.*", {"layers/1/kernel", "layers/1/bias"})],
    ids=["dictionary", "nnx"],
)
def test_the_halves_hold_what_the_patterns_say_and_make_the_whole_again(params, pattern: str, chosen: set[str]):
    adapted, frozen = split_parameters(params, [pattern])
    assert names(adapted) == chosen
    assert names(frozen) == names(params) - chosen
    whole = merge_parameters(adapted, frozen)
    assert jax.tree.structure(whole) == jax.tree.structure(params)
    jax.tree.map(np.testing.assert_array_equal, whole, params)


def test_an_optimizer_in_a_compiled_scan_changes_only_the_adapted_half():
    adapted, frozen = split_parameters(NESTED, ["head/.*"])
    optimizer = optax.adam(0.1)

    def step(carry, _):
        adapted, memory = carry
        gradient = jax.grad(lambda half: merge_parameters(half, frozen)["head"]["kernel"].sum())(adapted)
        updates, memory = optimizer.update(gradient, memory, adapted)
        return (optax.apply_updates(adapted, updates), memory), None

    run = jax.jit(lambda half: jax.lax.scan(step, (half, optimizer.init(half)), length=3)[0][0])
    whole = merge_parameters(run(adapted), frozen)
    np.testing.assert_allclose(whole["head"]["kernel"], 1.7, atol=1e-5)
    assert whole["body"]["kernel"] is NESTED["body"]["kernel"]


def test_a_pattern_that_matches_nothing_names_the_nearest_path():
    with pytest.raises(UserError, match=r"'haed/kernel', which matches no variable: the nearest is 'head/kernel'"):
        split_parameters(NESTED, ["body/.*", "haed/kernel"])
    with pytest.raises(UserError, match="no regular expression"):
        split_parameters(NESTED, ["("])
