"""Times the gradients of those parts of the network that have a form of their own, against the direct form.

python benchmarks/network_parts.py
"""

import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx

from jvlgs_jax.models.convolution import depthwise_filter
from jvlgs_jax.models.decoder import PairFusion
from jvlgs_jax.models.pvt_v2 import gelu, patch_projection

Form = Callable[..., jax.Array]
Part = tuple[str, Form, Form, tuple]  # name, our form, the direct form, what they are applied to

REPETITIONS = 7


def parts() -> list[Part]:
    """The parts at shapes of a small model's training (b0, 16 frames of 160 x 224) and of b5's third stage."""
    rngs = nnx.Rngs(0)

    def layered(fusion: PairFusion, logits: jax.Array) -> jax.Array:
        x = jnp.moveaxis(logits[..., 0], 1, -1)
        for layer in fusion.layers:
            x = layer(x)
        return x

    def feed_forward(depthwise: Form, activation: Form) -> Form:
        return lambda x, expand, kernel, project: activation(depthwise(x @ expand, kernel)) @ project

    def exact_gelu(x: jax.Array) -> jax.Array:
        return jax.nn.gelu(x, approximate=False)

    chosen: list[Part] = [
        ("pair fusion, 8x160x224", PairFusion.__call__, layered, (PairFusion(32, rngs=rngs), _noise(8, 2, 160, 224, 1)))
    ]
    for b, h, w, dim, window in [(16, 40, 56, 32, 8), (16, 20, 28, 64, 4), (2, 22, 22, 320, 2)]:
        layer = nnx.Conv(dim, dim, (window, window), (window, window), padding="VALID", rngs=rngs)
        name = f"spatial reduction, {b}x{h}x{w}x{dim} by {window}"
        chosen.append(
            (name, lambda layer, x: patch_projection(x, layer), nnx.Conv.__call__, (layer, _noise(b, h, w, dim)))
        )
    for b, h, w, dim, hidden in [(16, 40, 56, 32, 256), (16, 20, 28, 64, 512), (2, 22, 22, 320, 1280)]:
        arrays = (_noise(b, h, w, dim), _noise(dim, hidden), _noise(3, 3, hidden), _noise(hidden, dim))
        name = f"feed-forward, {b}x{h}x{w}, {dim} to {hidden}"
        ours = feed_forward(depthwise_filter, gelu)
        chosen.append((f"{name}: filter's gradient", ours, feed_forward(depthwise_filter.fun, gelu), arrays))
        chosen.append((f"{name}: GELU", ours, feed_forward(depthwise_filter, exact_gelu), arrays))
    return chosen


def gradient(form: Form, given: tuple) -> Callable[..., object]:
    """Compiled gradient of `form` with respect to all it is given."""
    return nnx.jit(nnx.grad(lambda *args: jnp.square(form(*args)).sum(), argnums=tuple(range(len(given)))))


def main() -> None:
    """Prints medians of runs taken in turn, and their ratio."""
    print(f"{jax.devices()[0].device_kind}, float32, milliseconds, median of {REPETITIONS} runs in turn")
    for name, ours, direct, given in parts():
        runs = {"ours": gradient(ours, given), "direct": gradient(direct, given)}
        times: dict[str, list[float]] = {form: [] for form in runs}
        for repetition in range(REPETITIONS + 1):
            for form, run in runs.items():
                start = time.perf_counter()
                jax.block_until_ready(run(*given))
                if repetition:  # the first one compiles
                    times[form].append(1e3 * (time.perf_counter() - start))
        medians = [statistics.median(times[form]) for form in runs]
        print(f"{name}: ours {medians[0]:.0f}, direct {medians[1]:.0f}, ratio {medians[1] / medians[0]:.1f}")


def _noise(*shape: int) -> jax.Array:
    return 0.1 * jax.random.normal(jax.random.key(sum(shape)), shape)


if __name__ == "__main__":
    main()
