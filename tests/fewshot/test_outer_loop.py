import functools

import jax
import numpy as np
import optax
import pytest

from fewshot.sinusoid import INNER, network, sines, squared_error
from jvlgs_jax.fewshot.meta_learners import Task, meta_learner
from jvlgs_jax.fewshot.outer_loop import begin, meta_gradient, outer_step

KEY = jax.random.key(0)


@functools.cache
def tasks() -> Task:
    return sines(KEY, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["maml", "reptile"])
def test_tasks_together_say_the_mean_of_what_each_says(name: str):
    learner = meta_learner(name, INNER[name])
    meta = learner.begin(network(KEY))
    together = jax.jit(lambda of: meta_gradient(learner, squared_error, meta, of, KEY))(tasks())
    alone = jax.jit(lambda task, key: learner.task_gradient(squared_error, meta, task, key))
    each = [alone(jax.tree.map(lambda x, i=i: x[i], tasks()), key) for i, key in enumerate(jax.random.split(KEY, 3))]
    mean = jax.tree.map(lambda *x: np.mean(x, axis=0), *each)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), together, mean)


@pytest.mark.slow
def test_a_step_follows_the_gradient_and_learns_step_sizes_too():
    learner, optimizer = meta_learner("meta_sgd", INNER["meta_sgd"]), optax.sgd(1e-3)
    state = begin(learner, network(KEY), optimizer)
    following, metrics = outer_step(learner, squared_error, optimizer)(state, tasks(), KEY)
    found = meta_gradient(learner, squared_error, state.meta, tasks(), KEY)
    expected = jax.tree.map(lambda x, g: x - 1e-3 * g, state.meta, found.gradient)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), following.meta, expected)
    assert int(following.step) == 1
    assert metrics.keys() == {"loss", "support_loss"}
