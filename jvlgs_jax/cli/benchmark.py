"""`jvlgs benchmark data`, `kernels` and `few-shot`: measure a part of the package against its plainest form."""

import argparse

from jvlgs_jax.cli.few_shot import add_few_shot_arguments, run_few_shot
from jvlgs_jax.errors import UserError

# Those of `kernels.cross_attention.shapes`, which would load JAX before the arguments are read.
ENCODERS, SIZES, BATCHES = ("b0", "b2", "b5"), ("352x352", "256x320"), (1, 8, 32)
_PARTS = {
    "data": "training clips a second and core, and a plain loop's",
    "kernels": "each attention of the network by each implementation",
    "few-shot": "what a model gains from a few annotated frames of a scene",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    described = "; ".join(f"{part}: {what}" for part, what in _PARTS.items())
    parser.add_argument("part", choices=list(_PARTS), help=described)
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="rounds a figure is the median of")
    parser.add_argument("--profile", action="store_true", help="data: also print what each stage takes")
    kernels = parser.add_argument_group("kernels")
    kernels.add_argument("--encoder", choices=ENCODERS, default="b5", help="of which network (default: %(default)s)")
    kernels.add_argument("--size", choices=SIZES, default="352x352", help="(default: %(default)s)")
    kernels.add_argument("--batch", type=int, choices=BATCHES, default=1, help="clips (default: %(default)s)")
    kernels.add_argument(
        "--precision", choices=["float32", "bfloat16"], default="float32", help="(default: %(default)s)"
    )
    kernels.add_argument("--target", metavar="NAME", help="compile for a target such as v5e-1, and print its memory")
    add_few_shot_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Prints one line for each workload, attention or measurement."""
    if args.rounds < 1:
        raise UserError(f"--rounds is {args.rounds}, the least is 1: use 7")
    if args.part == "data":
        _measure_data(args)
    elif args.part == "few-shot":
        run_few_shot(args)
    elif args.target is None:
        _measure_kernels(args)
    else:
        _compile_kernels(args)
    return 0


def _measure_data(args: argparse.Namespace) -> None:
    from jvlgs_jax.data.throughput import WORKLOADS, measure, profile

    for workload in WORKLOADS:
        print(measure(workload, rounds=args.rounds), flush=True)
        if args.profile:
            stages = profile(workload)
            total = sum(stages.values())
            for name, milliseconds in stages.items():
                print(f"    {name:18} {milliseconds:6.2f} ms  {milliseconds / total:4.0%}")


def _measure_kernels(args: argparse.Namespace) -> None:
    import jax

    from jvlgs_jax.kernels.cross_attention import timing
    from jvlgs_jax.kernels.cross_attention.implementations import best
    from jvlgs_jax.kernels.cross_attention.shapes import network_shapes
    from jvlgs_jax.training.chips import chip_of_kind
    from jvlgs_jax.training.precision import compute_dtype

    dtype, kind = compute_dtype(args.precision), jax.devices()[0].device_kind
    chip = chip_of_kind(kind)
    peak = chip.peak_flops if chip else timing.matmul_rate(dtype, rounds=args.rounds)
    what = "as its maker states it, of bfloat16" if chip else "a large matrix product's here"
    time = "processor time" if kind == "cpu" else "time"
    head = f"{kind}, {args.precision}, {time}, medians of {args.rounds} rounds"
    print(f"{head}; peak: {peak / 1e12:.3g} TFLOP/s, {what}", flush=True)
    totals: dict[str, dict[str, float]] = {}
    for shape in network_shapes(args.encoder, _size(args), args.batch):
        for found in timing.measure(shape, dtype, rounds=args.rounds):
            # Of each implementation: time of a call, times as fast as the plain form, and share of the peak.
            parts = [
                f"{name} {1e3 * seconds:.3g} ms ({found.ratio[name]:.2f} x, {found.flops / seconds / peak:.0%} of peak)"
                for name, seconds in found.seconds.items()
            ]
            print(f"{shape.name}, {found.direction}: {', '.join(parts)}", flush=True)
            total = totals.setdefault(found.direction, {})
            chosen = best(jax.default_backend(), *timing.abstract_arrays(shape, dtype))
            for name, seconds in (found.seconds | {"as chosen": found.seconds[chosen]}).items():
                total[name] = total.get(name, 0.0) + shape.calls * seconds
    for direction, total in totals.items():
        parts = [f"{name} {1e3 * s:.1f} ms ({total[timing.PLAIN] / s:.2f} x)" for name, s in total.items()]
        print(f"all of one network call, {direction}: {', '.join(parts)}")


def _compile_kernels(args: argparse.Namespace) -> None:
    from jvlgs_jax.compile_check.attention import compile_attention
    from jvlgs_jax.compile_check.targets import find_target
    from jvlgs_jax.kernels.cross_attention.shapes import network_shapes
    from jvlgs_jax.training.precision import compute_dtype

    target = find_target(args.target)
    print(f"{target.chip.kind}, {args.precision}, compiled and not run: temporary memory of one call")
    for shape in network_shapes(args.encoder, _size(args), args.batch):
        for direction, compilations in compile_attention(shape, compute_dtype(args.precision), target):
            parts = [
                f"{name} {found.memory.temporaries / 2**20:.1f} MiB"
                if found.memory
                else f"{name} does not fit: needs {found.needed / 2**30:.1f} GiB"
                for name, found in compilations.items()
            ]
            print(f"{shape.name}, {direction}: {', '.join(parts)}", flush=True)


def _size(args: argparse.Namespace) -> tuple[int, int]:
    height, width = map(int, args.size.split("x"))
    return height, width
