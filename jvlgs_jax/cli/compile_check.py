"""`jvlgs compile-check --config FILE --target NAME`: what a training needs on accelerators that are not here."""

import argparse
import sys
from pathlib import Path

from jvlgs_jax.errors import UserError

ACCEPTS_CONFIG_OVERRIDES = True
PROGRAMS = ("training", "inference", "both")
DOES_NOT_FIT = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.description = (
        "Compiles the training step and the network call of `jvlgs predict` for a target that need not be here, and "
        "prints the memory, messages, arithmetic and compile time. Nothing is run: these are no speeds."
    )
    parser.epilog = "Any setting of the config can be changed, as with train: --config.train.remat=full"
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="as for train")
    parser.add_argument("--target", required=True, metavar="NAME", help="such as v5e-256, v4-32 or h100x8")
    parser.add_argument("--program", choices=PROGRAMS, default="both", help="what to compile (default: %(default)s)")
    batch = parser.add_mutually_exclusive_group()
    batch.add_argument(
        "--clips-per-device", type=int, metavar="N", help="batch of the training step, instead of data.batch_size"
    )
    batch.add_argument(
        "--largest-batch", action="store_true", help="find the most clips a device with which the training step fits"
    )
    parser.add_argument("--json", action="store_true", help="print all numbers as JSON")


def run(args: argparse.Namespace) -> int:
    """Compiles and prints; 0 if all programs fit, DOES_NOT_FIT if one does not."""
    from jvlgs_jax.compile_check.check import Check, check_inference, check_largest, check_training
    from jvlgs_jax.compile_check.report import as_json, text
    from jvlgs_jax.compile_check.targets import find_target
    from jvlgs_jax.experiment import load_experiment

    if args.clips_per_device is not None and args.clips_per_device < 1:
        raise UserError(f"--clips-per-device is {args.clips_per_device}, the least is 1")
    target = find_target(args.target)
    experiment = load_experiment(args.config, args.config_overrides)

    log = sys.stderr if args.json else sys.stdout

    def show(check: Check) -> None:
        print(text(check, experiment, target), file=log, flush=True)

    checks: list[Check] = []
    if args.program != "inference":
        if args.largest_batch:
            found = check_largest(experiment, target, show)
            print(f"largest batch: {found.clips // found.devices if found else 0} clips a device", file=log, flush=True)
            checks += [found] if found else []
        else:
            checks.append(check_training(experiment, target, args.clips_per_device))
            show(checks[-1])
    if args.program != "training":
        checks.append(check_inference(experiment, target))
        show(checks[-1])
    if args.json:
        print(as_json(checks, target))
    return 0 if checks and all(check.compilation.fits for check in checks) else DOES_NOT_FIT
