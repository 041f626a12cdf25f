"""Sinusoid regression as Finn et al. 2017 (arXiv:1703.03400, section 5.1) set it up.

A task is a sine wave: amplitude in [0.1, 5], phase in [0, pi], inputs in [-5, 5]. A network of two layers of 40 units
sees K points of it and is asked for the rest.

As a program, `PYTHONPATH=tests python -m fewshot.sinusoid levels 3000` prints errors on new sines after 1, 5 and 10
steps, and `... trials 300` what 8 trials of MAML take in one program and one by one, and how far apart they end.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jvlgs_jax.fewshot.inner_loop import InnerConfig, adapt
from jvlgs_jax.fewshot.meta_learners import MetaParameters, Task, meta_learner
from jvlgs_jax.fewshot.trials import Trial, TrialResult, meta_training_trial, run_trials

SHOTS = 10
WIDTHS = (1, 40, 40, 1)


def network(key: Array) -> dict[str, dict[str, Array]]:
    keys = jax.random.split(key, len(WIDTHS) - 1)
    return {
        f"layer_{i}": {
            "kernel": jax.random.normal(keys[i], (rows, columns)) * rows**-0.5,
            "bias": jnp.zeros(columns),
        }
        for i, (rows, columns) in enumerate(pairwise(WIDTHS))
    }


def predict(params: dict, x: Float[Array, "n 1"]) -> Float[Array, "n 1"]:
    for name in ("layer_0", "layer_1"):
        x = jax.nn.relu(x @ params[name]["kernel"] + params[name]["bias"])
    return x @ params["layer_2"]["kernel"] + params["layer_2"]["bias"]


def squared_error(params: dict, points: tuple[Array, Array], key: Array) -> Float[Array, ""]:
    x, y = points
    return jnp.square(predict(params, x) - y).mean()


def sine(key: Array, support: int = SHOTS, query: int = SHOTS) -> Task:
    of_amplitude, of_phase, of_inputs = jax.random.split(key, 3)
    amplitude = jax.random.uniform(of_amplitude, minval=0.1, maxval=5.0)
    phase = jax.random.uniform(of_phase, maxval=jnp.pi)
    x = jax.random.uniform(of_inputs, (support + query, 1), minval=-5.0, maxval=5.0)
    y = amplitude * jnp.sin(x - phase)
    return Task((x[:support], y[:support]), (x[support:], y[support:]))


def sines(key: Array, count: int, support: int = SHOTS, query: int = SHOTS) -> Task:
    return jax.vmap(partial(sine, support=support, query=query))(jax.random.split(key, count))


INNER = {
    "maml": InnerConfig(steps=1, learning_rate=0.01),
    "fomaml": InnerConfig(steps=1, learning_rate=0.01),
    "anil": InnerConfig(steps=1, learning_rate=0.01, adapted=("layer_2/.*",)),
    "meta_sgd": InnerConfig(steps=1, learning_rate=0.01),
    "reptile": InnerConfig(steps=5, learning_rate=0.02, rows=SHOTS),
}


def trial(name: str, *, steps: int, tasks: int = 25) -> Callable[[Trial], TrialResult]:
    return meta_training_trial(
        meta_learner(name, INNER[name]),
        squared_error,
        params=network,
        tasks=partial(sines, count=tasks),
        optimizer=optax.adam,
        steps=steps,
    )


@partial(jax.jit, static_argnames=("name", "steps", "tasks"))
def meta_trained(seed: int, *, name: str, steps: int, tasks: int = 25) -> MetaParameters:
    return trial(name, steps=steps, tasks=tasks)(Trial(seed, jnp.float32(3e-3))).meta


@partial(jax.jit, static_argnames=("name", "steps"))
def error_after(meta: MetaParameters, *, name: str, steps: int = 1) -> Float[Array, ""]:
    """Mean squared error on 600 new sines after `steps` gradient steps on K points of each."""
    inner = InnerConfig(steps=steps, learning_rate=INNER[name].learning_rate, adapted=INNER[name].adapted)

    def error(task: Task, key: Array) -> Array:
        adapted = adapt(squared_error, meta.start, task.support, key, inner, rates=meta.rates)
        return squared_error(adapted.params, task.query, key)

    key = jax.random.key(1234)
    return jax.vmap(error)(sines(key, 600, query=100), jax.random.split(key, 600)).mean()


def _levels(steps: int) -> None:
    for name in INNER:
        meta = meta_trained(0, name=name, steps=steps)
        errors = [float(error_after(meta, name=name, steps=k)) for k in (1, 5, 10)]
        print(f"| {name} | {' | '.join(f'{error:.2f}' for error in errors)} |", flush=True)


def _seconds_of_trials(count: int, steps: int) -> None:
    trials = Trial(jnp.arange(count), jnp.linspace(1e-3, 5e-3, count))
    carry_out = trial("maml", steps=steps)
    alone = jax.jit(carry_out)

    def all_alone() -> TrialResult:
        one_by_one = [alone(jax.tree.map(lambda x, i=number: x[i], trials)) for number in range(count)]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *one_by_one)

    ways = {
        "each alone": all_alone,
        "one after the other": jax.jit(lambda: run_trials(carry_out, trials)),
        "side by side": jax.jit(lambda: run_trials(carry_out, trials, abreast=count)),
    }
    results = {}
    for turn in ("compiling", "compiled"):
        for name, run in ways.items():
            begun, begun_cpu = time.perf_counter(), time.process_time()
            results[name] = jax.block_until_ready(run())
            wall, cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
            print(f"{turn}, {name}: {wall / count:.2f} s a trial, {cpu / count:.2f} CPU seconds", flush=True)
    for name in ("one after the other", "side by side"):
        apart = jax.tree.map(_largest_difference, results[name], results["each alone"])
        print(f"{name}, from each alone: at most {max(jax.tree.leaves(apart)):.1e} of an array's largest number")


def _largest_difference(one: Array, other: Array) -> float:
    return float(jnp.abs(one - other).max() / jnp.abs(other).max())


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    if sys.argv[1] == "levels":
        _levels(int(sys.argv[2]))
    else:
        _seconds_of_trials(8, int(sys.argv[2]))
