import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fewshot.sinusoid import network, sine, squared_error
from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.inner_loop import InnerConfig, adapt, constant_rates

KEY = jax.random.key(0)
adapted_by = jax.jit(adapt, static_argnames=("loss", "config"))
value_and_gradient = jax.jit(jax.value_and_grad(squared_error))


@functools.cache
def points() -> tuple[jax.Array, jax.Array]:
    return jax.jit(sine)(KEY).support


@pytest.fixture(scope="module")
def params() -> dict:
    return network(KEY)


def by_hand(params: dict, config: InnerConfig, rows_of_steps: list[list[int]]) -> tuple[dict, list[float]]:
    losses = []
    for rows in rows_of_steps:
        seen = jax.tree.map(lambda x, rows=rows: x[jnp.array(rows)], points())
        loss, gradient = value_and_gradient(params, seen, KEY)
        losses.append(float(loss))
        params = jax.tree.map(lambda p, g: p - config.learning_rate * g, params, gradient)
    return params, losses


@pytest.mark.parametrize("unroll", [1, 2, 3])
def test_it_takes_the_steps_of_a_python_loop(params: dict, unroll: int):
    config = InnerConfig(steps=3, learning_rate=1e-3, unroll=unroll)
    adapted = adapted_by(squared_error, params, points(), KEY, config)
    expected, losses = by_hand(params, config, [list(range(10))] * 3)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), adapted.params, expected)
    np.testing.assert_allclose(adapted.losses, losses, rtol=1e-5)
    assert losses[-1] < losses[0]


def test_steps_take_the_next_rows_in_turn_and_begin_again(params: dict):
    config = InnerConfig(steps=3, learning_rate=1e-3, rows=4)
    adapted = adapted_by(squared_error, params, points(), KEY, config)
    expected, losses = by_hand(params, config, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1]])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), adapted.params, expected)
    np.testing.assert_allclose(adapted.losses, losses, rtol=1e-5)


def test_what_is_not_named_stays_as_it_is(params: dict):
    config = InnerConfig(adapted=("layer_2/.*",))
    adapted = adapted_by(squared_error, params, points(), KEY, config).params
    for name in ("layer_0", "layer_1"):
        jax.tree.map(np.testing.assert_array_equal, adapted[name], params[name])
    assert (adapted["layer_2"]["kernel"] != params["layer_2"]["kernel"]).any()


def test_step_sizes_of_its_own_move_each_parameter_so_far(params: dict):
    config = InnerConfig(steps=1, learning_rate=1e-3)
    rates = constant_rates(params, config)
    rates["layer_2"]["bias"] = rates["layer_2"]["bias"] * 3
    plain = adapted_by(squared_error, params, points(), KEY, config).params["layer_2"]
    own = adapted_by(squared_error, params, points(), KEY, config, rates=rates).params["layer_2"]
    np.testing.assert_array_equal(own["kernel"], plain["kernel"])
    before = params["layer_2"]["bias"]
    np.testing.assert_allclose(own["bias"] - before, 3 * (plain["bias"] - before), rtol=1e-4)


@pytest.mark.slow
def test_remat_changes_memory_and_not_gradients(params: dict):
    def after(params: dict, remat: str) -> jax.Array:
        config = InnerConfig(steps=2, learning_rate=1e-3, remat=remat)
        return squared_error(adapted_by(squared_error, params, points(), KEY, config).params, points(), KEY)

    gradients = [jax.grad(after)(params, remat) for remat in ("none", "full")]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), *gradients)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "inner.steps is 0, the least is 1"),
        ({"learning_rate": 0.0}, "inner.learning_rate is 0.0, it must be positive"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict, message: str):
    with pytest.raises(UserError, match=message):
        InnerConfig(**changes)
