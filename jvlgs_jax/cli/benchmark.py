"""`jvlgs benchmark data`: measures a part of the package against its simplest competitor."""

import argparse

from jvlgs_jax.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument("part", choices=["data"], help="data: training clips a second and core, and a plain loop's")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="rounds a figure is the median of")
    parser.add_argument("--profile", action="store_true", help="also print what each stage takes")


def run(args: argparse.Namespace) -> int:
    """Prints one line for each workload."""
    from jvlgs_jax.data.throughput import WORKLOADS, measure, profile

    if args.rounds < 1:
        raise UserError(f"--rounds is {args.rounds}, the least is 1: use 7")
    for workload in WORKLOADS:
        print(measure(workload, rounds=args.rounds), flush=True)
        if args.profile:
            stages = profile(workload)
            total = sum(stages.values())
            for name, milliseconds in stages.items():
                print(f"    {name:18} {milliseconds:6.2f} ms  {milliseconds / total:4.0%}")
    return 0
