"""Times a frame of a live video: the window as published, a segmenter's clips of 8 frames, and the streaming step.

Of the clips also what they are made of: encoding, and everything behind the encoder. The rest is input planes,
resizing and copies. A square matrix product comes first, to compare machines by.

python benchmarks/streaming.py [MODEL ...]    a shipped model's name, or pvt_v2_b0 .. pvt_v2_b5 with random weights
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import repeat

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.prompts import DEFAULT_PROMPTS, tokenize
from jvlgs_jax.inference.segmenter import (
    CLIP_LENGTH,
    Segmenter,
    encode_clip,
    encode_text,
    evaluated_model,
    segment_windows,
)
from jvlgs_jax.inference.streaming import StreamingSegmenter
from jvlgs_jax.interop.model_folder import ModelBundle
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig
from jvlgs_jax.models.pvt_v2 import PvtV2Config
from jvlgs_jax.weights.shipped import shipped_model, shipped_models

ROUNDS, FRAMES = 5, CLIP_LENGTH  # the forms in turn, so many frames each


def load(name: str) -> ModelBundle:
    """The shipped model of that name, or the published network of that size at 352 x 352."""
    if name in [model.name for model in shipped_models()]:
        return shipped_model(name).load()
    config = JvlgsConfig(encoder=PvtV2Config.variant(name.removeprefix("pvt_v2_")))
    return ModelBundle(Jvlgs(config, rngs=nnx.Rngs(0)), DEFAULT_PROMPTS, "rgb", (352, 352))


def windowed(bundle: ModelBundle, frame: np.ndarray) -> Iterator[np.ndarray]:
    """As published: three frames are encoded for each one answered."""
    config, state = bundle.model.config, nnx.state(bundle.model)
    planes = input_planes(bundle.planes)

    @jax.jit
    def segment(state: nnx.State, window: jax.Array, text: jax.Array) -> jax.Array:
        model = evaluated_model(config, state)
        return bundle.sizes.segment(model, bundle.sizes.encode(model, window[None], planes.normalize), text)

    text = evaluated_model(config, state).encode_text(tokenize(bundle.prompts))
    window = np.stack([planes.stream().push(frame)] * 3)
    while True:
        yield np.asarray(segment(state, window, text))


def parts(bundle: ModelBundle) -> dict[str, Iterator[None]]:
    """The two compiled calls of a segmenter, one turn a clip of 8 frames, as many times as are asked for."""
    config, state = bundle.model.config, nnx.state(bundle.model)
    text = encode_text(config, state, tokenize(bundle.prompts))
    clip = np.zeros((CLIP_LENGTH, *bundle.input_size, 3), np.float32)
    use = {"planes": bundle.planes, "sizes": bundle.sizes}
    features = encode_clip(config, state, clip, **use)
    windows = [jnp.repeat(level[:, None], 3, axis=1) for level in features]

    def turns(call: Callable[[], object]) -> Iterator[None]:
        while True:
            jax.block_until_ready(call())
            yield from [None] * CLIP_LENGTH  # a frame each

    return {
        "encoding": turns(lambda: encode_clip(config, state, clip, **use)),
        "behind the encoder": turns(lambda: segment_windows(config, state, windows, text, sizes=bundle.sizes)),
    }


def seconds(answers: Iterator, count: int) -> tuple[float, float]:
    """Seconds an answer, over `count` of them: on the clock, and of all processors together."""
    start = time.perf_counter(), time.process_time()
    for _ in range(count):
        next(answers)
    return (time.perf_counter() - start[0]) / count, (time.process_time() - start[1]) / count


def main() -> None:
    """Prints the median of the rounds. On a busy machine, only processor time can be compared."""
    matrix = jnp.ones((2048, 2048))
    product = jax.jit(jnp.matmul)
    taken = [seconds((jax.block_until_ready(product(matrix, matrix)) for _ in repeat(None)), 1) for _ in range(ROUNDS)]
    print(f"2048 x 2048 float32 matrix product: {min(taken)[0]:.3f} s")
    for name in sys.argv[1:] or ["plume_small", "pvt_v2_b0"]:
        bundle = load(name)
        frame = np.random.default_rng(0).integers(0, 256, (*bundle.input_size, 1), np.uint8)
        running = {
            "window of three, as published": windowed(bundle, frame),
            f"clips of {CLIP_LENGTH}": Segmenter(bundle).probabilities(repeat(frame)),
            **parts(bundle),
            "streaming step": StreamingSegmenter(bundle).probabilities(repeat(frame)),
        }
        for answers in running.values():
            seconds(answers, 2)  # compiles
        taken: dict[str, list[tuple[float, float]]] = {form: [] for form in running}
        for _ in range(ROUNDS):
            for form, answers in running.items():
                taken[form].append(seconds(answers, FRAMES))
        for form, times in taken.items():
            clock, work = (statistics.median(kind) for kind in zip(*times, strict=True))
            speed = f"{clock:.3f} s, {1 / clock:.1f} a second"
            print(f"{name}, {bundle.sizes}, {form}: {speed}; {work:.3f} s of processor time")


if __name__ == "__main__":
    main()
