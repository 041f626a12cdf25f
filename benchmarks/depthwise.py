"""Times the gradient of a feed-forward layer with the depthwise filter's written-out gradient and with autodiff's.

python benchmarks/depthwise.py
"""

import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jvlgs_jax.models.convolution import depthwise_filter

SHAPES = [(16, 40, 56, 32, 256), (16, 20, 28, 64, 512), (2, 22, 22, 320, 1280)]  # b h w dim hidden


def autodiff_filter(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The same nine multiply-adds, left to autodiff."""
    return depthwise_filter.fun(x, kernel)


def layer_gradient(depthwise: Callable[[jax.Array, jax.Array], jax.Array]) -> Callable[..., object]:
    """Compiled gradient of expand, filter, GELU and project with respect to input and weights."""

    def loss(x: jax.Array, expand: jax.Array, kernel: jax.Array, project: jax.Array) -> jax.Array:
        hidden = jax.nn.gelu(depthwise(x @ expand, kernel), approximate=False)
        return jnp.square(hidden @ project).sum()

    return jax.jit(jax.grad(loss, argnums=(0, 1, 2, 3)))


def main() -> None:
    """Prints medians of runs taken in turn, and their ratio."""
    print(f"{jax.devices()[0].device_kind}, float32, milliseconds, median of 7 runs in turn")
    for b, h, w, dim, hidden in SHAPES:
        keys = jax.random.split(jax.random.key(0), 4)
        shapes = [(b, h, w, dim), (dim, hidden), (3, 3, hidden), (hidden, dim)]
        arrays = [0.1 * jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True)]
        runs = {"written out": layer_gradient(depthwise_filter), "autodiff": layer_gradient(autodiff_filter)}
        times: dict[str, list[float]] = {name: [] for name in runs}
        for repetition in range(8):
            for name, run in runs.items():
                start = time.perf_counter()
                jax.block_until_ready(run(*arrays))
                if repetition:  # the first one compiles
                    times[name].append(1e3 * (time.perf_counter() - start))
        ours, theirs = (statistics.median(times[name]) for name in runs)
        print(f"{b}x{h}x{w}, {dim}->{hidden}: written out {ours:.0f}, autodiff {theirs:.0f}, ratio {theirs / ours:.1f}")


if __name__ == "__main__":
    main()
