"""`jvlgs calibrate --checkpoint MODEL --data-dir DIR`: chooses a model's confidence gate on validation videos."""

import argparse
import dataclasses
import sys
from pathlib import Path

from jvlgs_jax.cli.scene_choice import add_scene_arguments, choose_scenes
from jvlgs_jax.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.description = (
        "Chooses the confidence gate with the most overlap (mean J over videos, jvlgs convention) of those that raise "
        "false alarms on few leak-free frames, and writes it into the model folder, where predict and evaluate find "
        "it. Use validation videos, with and without leaks, which neither trained the model nor test it."
    )
    parser.add_argument(
        "--checkpoint", type=Path, required=True, metavar="DIR", help="a model folder, or the workdir of a training"
    )
    parser.add_argument(
        "--data-dir", type=Path, required=True, metavar="DIR", help="a dataset with truth, raw or prepared"
    )
    add_scene_arguments(parser)
    parser.add_argument(
        "--max-false-alarms",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="the largest share of leak-free frames that may raise an alarm (default: 0.01)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="write a new model folder in place of changing --checkpoint's"
    )
    parser.add_argument(
        "--input-size",
        type=_input_size,
        metavar="HxW",
        help="size in pixels, divisible by 32, that the new model runs at in place of the one it was trained at",
    )


def run(args: argparse.Namespace) -> int:
    """Chooses the gate, writes it and prints it."""
    if args.input_size is not None and args.output is None:
        raise UserError("--input-size makes another model: say where it goes, with --output=DIR")
    scenes, unlabelled = choose_scenes(args)
    if unlabelled:
        print(f"left out, as they have no truth: {', '.join(unlabelled)}", file=sys.stderr)
    if args.output is not None and args.output.exists():
        raise UserError(f"{args.output}: exists: choose another output folder")

    # Imported here, so that help and bad paths need not wait for JAX.
    from jvlgs_jax.cli.checkpoint import load_bundle
    from jvlgs_jax.interop.model_folder import DESCRIPTION
    from jvlgs_jax.runs.calibrated import calibrate_model

    if args.output is None and not (args.checkpoint / DESCRIPTION).is_file():
        raise UserError(f"{args.checkpoint}: not a model folder, so that the gate cannot go there: give --output=DIR")
    output = args.output or args.checkpoint
    bundle = load_bundle(args.checkpoint)
    if args.input_size is not None:
        bundle = dataclasses.replace(bundle, input_size=args.input_size)
    chosen = calibrate_model(bundle, scenes, output, max_false_alarms=args.max_false_alarms).chosen
    print(f"{chosen.gate}\nJ {chosen.j:.3f}, false alarms {chosen.false_alarm_rate:.2%}\n{output}: written")
    return 0


def _input_size(text: str) -> tuple[int, int]:
    """Reads "256x320"; argparse.ArgumentTypeError for what is no size that the network takes."""
    sides = [int(side) if side.isdecimal() else 0 for side in text.split("x")]
    if len(sides) != 2 or not all(sides) or any(side % 32 for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r}: give height and width, both divisible by 32, as in 256x320")
    return sides[0], sides[1]
