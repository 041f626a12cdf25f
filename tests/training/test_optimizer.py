import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.parameters import flatten
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig
from jvlgs_jax.training.optimizer import SCHEDULES, OptimizerConfig, decayed, make_optimizer


def adam(gradients: list[np.ndarray], rate: float, epsilon: float = 1e-8) -> np.ndarray:
    """Kingma and Ba's Adam from zero, written out."""
    position, first, second = (np.zeros_like(gradients[0], np.float64) for _ in range(3))
    for t, gradient in enumerate(gradients, start=1):
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        position -= rate * (first / (1 - 0.9**t)) / (np.sqrt(second / (1 - 0.999**t)) + epsilon)
    return position


def run(config: OptimizerConfig, gradients: list[np.ndarray]) -> np.ndarray:
    optimizer = make_optimizer(config, len(gradients))
    params = jnp.zeros(gradients[0].shape)
    state = optimizer.init(params)
    for gradient in gradients:
        updates, state = optimizer.update(jnp.asarray(gradient, jnp.float32), state, params)
        params = optax.apply_updates(params, updates)
    return np.asarray(params)


def test_is_adam_on_gradients_cut_element_by_element():
    gradients = [np.array([2.0, -0.1, -3.0]), np.array([-0.2, 0.3, 0.01]), np.array([0.7, -0.6, 0.5])]
    cut = [np.clip(gradient, -0.5, 0.5) for gradient in gradients]
    np.testing.assert_allclose(run(OptimizerConfig(), gradients), adam(cut, 1e-4), rtol=1e-4)
    np.testing.assert_allclose(run(OptimizerConfig(gradient_clamp=None), gradients), adam(gradients, 1e-4), rtol=1e-4)


def test_step_decay_is_the_published_schedule():
    rate = SCHEDULES["step_decay"](OptimizerConfig(decay_steps=(45, 50)), 60)
    np.testing.assert_allclose([rate(0), rate(44), rate(45), rate(50)], [1e-4, 1e-4, 1e-5, 1e-6], rtol=1e-5)


def test_decays_that_fall_on_one_step_all_count():
    config = OptimizerConfig(decay_epochs=(0.1, 0.2, 2.0)).in_steps(4.0)
    assert config.decay_steps == (1, 1, 8)
    rate = SCHEDULES["step_decay"](config, 12)
    np.testing.assert_allclose([rate(0), rate(1), rate(8)], [1e-4, 1e-6, 1e-7], rtol=1e-5)


def test_step_decay_may_begin_with_a_rise():
    rate = SCHEDULES["step_decay"](OptimizerConfig(learning_rate=1e-3, decay_steps=(45,), warmup_steps=10), 60)
    np.testing.assert_allclose([rate(0), rate(5), rate(10), rate(44), rate(45)], [0, 5e-4, 1e-3, 1e-3, 1e-4], rtol=1e-5)


def test_warmup_cosine_rises_and_falls():
    config = OptimizerConfig(schedule="warmup_cosine", learning_rate=1e-3, warmup_steps=10)
    rate = SCHEDULES["warmup_cosine"](config, 110)
    np.testing.assert_allclose([rate(0), rate(5), rate(10), rate(60), rate(110)], [0, 5e-4, 1e-3, 5e-4, 0], atol=1e-8)


def test_the_norm_limit_keeps_the_direction_of_large_gradients_alone():
    # In plain descent by Adam's first step the length is lost, so look at Adam's memory of the first gradient.
    config = OptimizerConfig(gradient_clamp=None, gradient_norm=2.5)
    for gradient, kept in (([3.0, -4.0], [1.5, -2.0]), ([0.3, -0.4], [0.3, -0.4])):
        optimizer = make_optimizer(config, 10)
        _, state = optimizer.update(jnp.asarray(gradient), optimizer.init(jnp.zeros(2)))
        memory = optax.tree.get(state, "mu")
        np.testing.assert_allclose(memory, 0.1 * np.asarray(kept), rtol=1e-5)


def test_both_limits_cut_elements_first():
    optimizer = make_optimizer(OptimizerConfig(gradient_clamp=0.5, gradient_norm=0.5), 10)
    _, state = optimizer.update(jnp.asarray([9.0, -1.0]), optimizer.init(jnp.zeros(2)))
    np.testing.assert_allclose(optax.tree.get(state, "mu"), [0.1 * 0.5**1.5, -0.1 * 0.5**1.5], rtol=1e-5)


def test_adamw_shrinks_kernels_alone():
    config = OptimizerConfig(name="adamw", learning_rate=0.1, weight_decay=0.2)
    optimizer = make_optimizer(config, 10)
    params = {"layer": {"kernel": jnp.full(2, 5.0), "bias": jnp.full(2, 5.0)}, "norm": {"scale": jnp.full(2, 5.0)}}
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, _ = optimizer.update(zeros, optimizer.init(params), params)
    np.testing.assert_allclose(updates["layer"]["kernel"], -0.1 * 0.2 * 5.0, rtol=1e-6)
    assert not updates["layer"]["bias"].any()
    assert not updates["norm"]["scale"].any()


@pytest.mark.slow
def test_every_kernel_of_the_network_is_decayed_and_nothing_else():
    params = nnx.state(nnx.eval_shape(lambda: Jvlgs(JvlgsConfig.tiny(), rngs=nnx.Rngs(0))), nnx.Param)
    for path, chosen in flatten(decayed(params)).items():
        assert chosen == path.endswith("kernel"), path
    stacked_bias = "video_encoder/stages/0/blocks/mlp/expand/bias"
    assert flatten(params)[stacked_bias].ndim == 2
    assert not flatten(decayed(params))[stacked_bias]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "sgd"}, "unknown optimizer 'sgd': the choices are adam, adamw"),
        ({"layer_decay": 0.0}, "layer_decay is 0.0"),
        ({"layer_decay": 1.1}, "layer_decay is 1.1"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1"),
        ({"gradient_norm": 0.0}, "gradient_norm is 0.0.*None"),
        ({"gradient_clamp": -1.0}, "gradient_clamp is -1.0.*None"),
        ({"micro_batches": 0}, "micro_batches is 0"),
        ({"schedule": "cosine"}, "unknown schedule 'cosine'.*step_decay, warmup_cosine"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"learning_rate": math.inf}, "learning_rate is inf, it must be positive and finite: the published"),
        ({"epsilon": -1.0}, "epsilon is -1.0"),
        ({"weight_decay": math.nan}, "weight_decay is nan"),
        ({"decay_factor": -1.0, "decay_steps": (5,)}, "decay_factor is -1.0"),
        ({"decay_steps": (5, 0)}, "one of decay_steps is 0, it must be above 0"),
        ({"decay_epochs": (math.inf,)}, "one of decay_epochs is inf"),
        ({"warmup_steps": -5}, "warmup_steps is -5, the least is 0"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0"),
    ],
)
def test_bad_settings(changes: dict, message: str):
    with pytest.raises(UserError, match=message):
        OptimizerConfig(**changes)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_warm_up_longer_than_the_training(schedule: str):
    with pytest.raises(UserError, match=r"warmup_steps is 10.*5 steps.*a shorter warm-up"):
        make_optimizer(OptimizerConfig(schedule=schedule, warmup_steps=10), 5)
