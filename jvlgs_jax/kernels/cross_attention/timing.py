"""Times implementations of attention in turn on the device that is here.

On a CPU, time is the processor's, of all threads: other work on the machine then hardly counts.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax.stages import Wrapped

from jvlgs_jax.kernels.cross_attention.api import cross_attention
from jvlgs_jax.kernels.cross_attention.implementations import IMPLEMENTATIONS
from jvlgs_jax.kernels.cross_attention.shapes import AttentionShape

PLAIN = "reference"
_SHORTEST = 0.02  # seconds that are timed as one: quicker calls are repeated


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What one attention takes.

    Attributes:
        shape: the attention.
        direction: one of PROGRAMS.
        seconds: of one call, the median over rounds, by implementation.
        ratio: the time of PLAIN by that of each implementation, the median over rounds.
        flops: multiplications and additions of its matrix products, the gradient's second scores included.
    """

    shape: AttentionShape
    direction: str
    seconds: dict[str, float]
    ratio: dict[str, float]
    flops: int


def runnable(shape: AttentionShape, dtype: jnp.dtype) -> tuple[str, ...]:
    """Returns the implementations that run here on arrays of this shape and dtype."""
    arrays = abstract_arrays(shape, dtype)
    return tuple(
        name
        for name, one in IMPLEMENTATIONS.items()
        if (one.platforms is None or jax.default_backend() in one.platforms) and one.refuses(*arrays) is None
    )


def abstract_arrays(shape: AttentionShape, dtype: jnp.dtype) -> list[jax.ShapeDtypeStruct]:
    """Returns query, key and value without numbers."""
    return [jax.ShapeDtypeStruct(x, dtype) for x in shape.arrays().values()]


def random_arrays(shape: AttentionShape, dtype: jnp.dtype) -> list[jax.Array]:
    """Returns query, key and value of normal random numbers, always the same."""
    keys = jax.random.split(jax.random.key(0), 3)
    return [jax.random.normal(key, x, dtype) for key, x in zip(keys, shape.arrays().values(), strict=True)]


def measure(shape: AttentionShape, dtype: jnp.dtype, *, rounds: int) -> Iterator[Timing]:
    """Times forward, and forward with gradient, of every implementation that runs here."""
    names, arrays = runnable(shape, dtype), random_arrays(shape, dtype)
    for (direction, program), flops in zip(PROGRAMS.items(), (shape.flops, shape.gradient_flops), strict=True):
        calls: dict[str, Callable] = {name: program(name, shape.scale) for name in names}
        times = _in_turn(calls, arrays, rounds)
        yield Timing(
            shape=shape,
            direction=direction,
            seconds={name: statistics.median(times[name]) for name in names},
            ratio={
                name: statistics.median(plain / own for plain, own in zip(times[PLAIN], times[name], strict=True))
                for name in names
            },
            flops=flops,
        )


def matmul_rate(dtype: jnp.dtype, *, rounds: int, size: int = 2048) -> float:
    """Returns the operations a second of a large square matrix product here: what a device of unknown peak can do."""
    matrix = jax.random.normal(jax.random.key(0), (size, size), dtype)
    times = _in_turn({"product": jax.jit(jnp.matmul)}, (matrix, matrix), rounds)
    return 2 * size**3 / statistics.median(times["product"])


def _in_turn(calls: Mapping[str, Callable], arrays: Sequence[jax.Array], rounds: int) -> dict[str, list[float]]:
    """Seconds of one call, round by round; in each round every call has its turn."""
    repeats = {}
    for name, call in calls.items():
        _seconds(call, arrays, 1)  # compiles
        repeats[name] = max(1, round(_SHORTEST / max(_seconds(call, arrays, 1), 1e-5)))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(_seconds(call, arrays, repeats[name]) / repeats[name])
    return times


def _seconds(call: Callable, arrays: Sequence[jax.Array], repeats: int) -> float:
    clock = time.process_time if jax.default_backend() == "cpu" else time.perf_counter
    start = clock()
    jax.block_until_ready([call(*arrays) for _ in range(repeats)])
    return clock() - start


def _forward(name: str, scale: float) -> Wrapped:
    return jax.jit(lambda query, key, value: cross_attention(query, key, value, scale=scale, implementation=name))


def _with_gradient(name: str, scale: float) -> Wrapped:
    def total(query: jax.Array, key: jax.Array, value: jax.Array) -> jax.Array:
        out = cross_attention(query, key, value, scale=scale, implementation=name)
        return jnp.square(out.astype(jnp.float32)).sum()

    return jax.jit(jax.value_and_grad(total, argnums=(0, 1, 2)))


# What is timed and compiled: each makes, of an implementation's name and a scale, a function of query, key and value.
PROGRAMS = {"forward": _forward, "forward and gradient": _with_gradient}
