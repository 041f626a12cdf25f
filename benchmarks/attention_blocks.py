"""Compiles gradients of the parts of b5 that attend for a TPU that need not be here, with the kernel and with XLA.

python benchmarks/attention_blocks.py --target v5e-1 [--part "video encoder"]
"""

import argparse
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jax.sharding import SingleDeviceSharding

from jvlgs_jax.compile_check.devices import target_devices
from jvlgs_jax.compile_check.targets import find_target
from jvlgs_jax.models.pvt_v2 import Block, PvtV2, PvtV2Config
from jvlgs_jax.models.temporal import TemporalCorrelation

CLIPS, FRAMES, SIDE = 8, 3, 352
IMPLEMENTATIONS = ("pallas_tpu", "xla")
Part = tuple[str, Callable[[], nnx.Module], list[tuple[int, ...]]]  # name, how to make it, shapes of its inputs


def parts() -> list[Part]:
    """A block of each stage, the finest correlation and the whole encoder, at 352 x 352 and 8 clips of three frames."""
    config = PvtV2Config.variant("b5")
    found: list[Part] = []
    for i, dim in enumerate(config.dims):
        side, sizes = SIDE // 4 >> i, (dim, config.heads[i], config.mlp_ratios[i], config.reductions[i])
        make = lambda sizes=sizes: Block(*sizes, rngs=nnx.Rngs(0))  # noqa: E731
        found.append((f"block of stage {i + 1}", make, [(CLIPS * FRAMES, side, side, dim)]))
    maps = (CLIPS, 2, SIDE // 8, SIDE // 8, 32)
    return [
        *found,
        ("correlation 1", lambda: TemporalCorrelation(32, 2, rngs=nnx.Rngs(0)), [maps, maps]),
        ("video encoder", lambda: PvtV2(config, rngs=nnx.Rngs(0)), [(CLIPS * FRAMES, SIDE, SIDE, 3)]),
    ]


def compiled(part: Part, implementation: str, device: jax.Device) -> jax.stages.Compiled:
    """The part's gradient with respect to inputs and parameters in bfloat16; only what goes into a block is kept."""
    _, make, shapes = part
    model = nnx.eval_shape(make)
    model.set_attributes(implementation=implementation)
    model.eval()
    if isinstance(model, PvtV2):
        model.set_attributes(remat="full")
    keep = (lambda part: part) if isinstance(model, PvtV2) else jax.checkpoint
    graphdef, state = nnx.split(model)

    def loss(state: nnx.State, *maps: jax.Array) -> jax.Array:
        out = keep(lambda state, *maps: nnx.merge(graphdef, state)(*maps))(state, *maps)
        return sum(jnp.square(x.astype(jnp.float32)).mean() for x in jax.tree.leaves(out))

    place = SingleDeviceSharding(device)
    inputs = [jax.ShapeDtypeStruct(shape, jnp.bfloat16, sharding=place) for shape in shapes]
    narrow = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, jnp.bfloat16, sharding=place), state)
    gradient = jax.value_and_grad(loss, argnums=tuple(range(1 + len(inputs))))
    return jax.jit(gradient).lower(narrow, *inputs).compile()


def main() -> None:
    """Prints temporary memory, bytes accessed outside of kernels, and compile time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", default="v5e-1")
    parser.add_argument("--part", choices=[name for name, *_ in parts()], help="one of them alone")
    args = parser.parse_args()
    device = target_devices(find_target(args.target))[0]
    for part in parts():
        if args.part not in (None, part[0]):
            continue
        for implementation in IMPLEMENTATIONS:
            start = time.process_time()
            program = compiled(part, implementation, device)
            seconds, memory = time.process_time() - start, program.memory_analysis()
            assert memory is not None
            # XLA's analysis counts nothing for what happens in a kernel.
            accessed = program.cost_analysis()["bytes accessed"]
            print(
                f"{part[0]}, {implementation}: temporary {memory.temp_size_in_bytes / 2**20:.1f} MiB, "
                f"accessed {accessed / 2**20:.0f} MiB, {seconds:.0f} s of processor time to compile",
                flush=True,
            )


if __name__ == "__main__":
    main()
