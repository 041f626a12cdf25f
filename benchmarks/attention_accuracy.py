"""How far each implementation of attention is from its definition on the device that is here.

python benchmarks/attention_accuracy.py --encoder b5 --precision bfloat16

One line an attention of the network: for each implementation the norm of the difference, by that of the truth, of the
gradients of query, key and value, and of the value. The truth is `reference` in float32 at the highest precision.
"""

import argparse
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from jvlgs_jax.kernels.cross_attention.shapes import ENCODERS, AttentionShape, network_shapes
from jvlgs_jax.kernels.cross_attention.timing import PLAIN, PROGRAMS, random_arrays, runnable
from jvlgs_jax.training.precision import compute_dtype


def main() -> None:
    """Prints a line for each attention."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", choices=ENCODERS, default="b5")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="bfloat16")
    args = parser.parse_args()
    dtype = compute_dtype(args.precision)
    print(f"{jax.devices()[0].device_kind}, {args.precision}; gradients of query, key and value, then the value")
    for shape in network_shapes(args.encoder, (352, 352), 1):
        parts = [f"{name} {' '.join(f'{error:.1e}' for error in errors)}" for name, errors in distances(shape, dtype)]
        print(f"{shape.name}: {'; '.join(parts)}", flush=True)


def distances(shape: AttentionShape, dtype: jnp.dtype) -> Iterator[tuple[str, list[float]]]:
    """Yields each implementation that runs here with its distances from the truth."""
    arrays = random_arrays(shape, dtype)
    with jax.default_matmul_precision("highest"):
        truth = _results(PLAIN, shape, [array.astype(jnp.float32) for array in arrays])
    for name in runnable(shape, dtype):
        yield name, [_distance(*pair) for pair in zip(_results(name, shape, arrays), truth, strict=True)]


def _results(name: str, shape: AttentionShape, arrays: list[jax.Array]) -> list[np.ndarray]:
    forward, gradient = PROGRAMS["forward"], PROGRAMS["forward and gradient"]
    results = [*gradient(name, shape.scale)(*arrays)[1], forward(name, shape.scale)(*arrays)]
    return [np.asarray(result, np.float64) for result in results]


def _distance(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


if __name__ == "__main__":
    main()
