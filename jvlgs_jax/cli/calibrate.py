"""`jvlgs calibrate --checkpoint MODEL --data-dir DIR` or `--leak-free PATH`: chooses a model's confidence gate."""

import argparse
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jvlgs_jax.cli.needless import refuse_needless
from jvlgs_jax.cli.scene_choice import SCENE_DEFAULTS, add_scene_arguments, choose_scenes
from jvlgs_jax.data.video import open_video
from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.leak_free import FalseAlarmLimit
from jvlgs_jax.inference.alarms import alarm_config
from jvlgs_jax.inference.postprocess import ConfidenceGate
from jvlgs_jax.inference.sources import find_videos

if TYPE_CHECKING:
    from jvlgs_jax.interop.model_folder import ModelBundle

MAX_FALSE_ALARMS = 0.01

Choose = Callable[["ModelBundle", Path], str]
"""Chooses the gate of a model, writes it to a folder, and returns what to say of it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.description = (
        "Chooses the confidence gate with the most overlap (mean J over videos, jvlgs convention) of those that raise "
        "false alarms on few leak-free frames, and writes it into the model folder, where predict and evaluate find "
        "it, with a plot of what it rests on. Use validation videos, with and without leaks, which neither trained the "
        "model nor test it. With --leak-free, footage without labels and without leaks is enough: then it is the most "
        "sensitive gate that raises so few alarms an hour, with a stated confidence."
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        required=True,
        metavar="DIR",
        help="a model folder; with --output also the workdir of a training, or the name of a model that `jvlgs models` "
        "lists",
    )
    footage = parser.add_mutually_exclusive_group(required=True)
    footage.add_argument("--data-dir", type=Path, metavar="DIR", help="a dataset with truth, raw or prepared")
    footage.add_argument(
        "--leak-free",
        type=Path,
        metavar="PATH",
        help="a video, a folder of images, or a folder of either, that shows no leak, where alarms are to be few",
    )
    add_scene_arguments(parser)
    parser.add_argument(
        "--max-false-alarms",
        type=float,
        metavar="SHARE",
        help="with --data-dir: the largest share of leak-free frames that may raise an alarm (default: "
        f"{MAX_FALSE_ALARMS:g})",
    )
    limit = FalseAlarmLimit()
    parser.add_argument(
        "--false-alarms-per-hour",
        type=float,
        metavar="RATE",
        help=f"with --leak-free: the largest rate of false alarms (default: {limit.per_hour:g}); promising R at 95%% "
        "takes 3 / R hours of footage even without an alarm",
    )
    parser.add_argument(
        "--confidence",
        type=float,
        metavar="SHARE",
        help=f"with --leak-free: how sure the rate must be (default: {limit.confidence:g})",
    )
    parser.add_argument(
        "--alarm", metavar="SETTINGS", help="with --leak-free: as of `jvlgs predict`, which must then be run with them"
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="write a new model folder in place of changing --checkpoint's"
    )
    parser.add_argument(
        "--input-size",
        type=_size,
        default=argparse.SUPPRESS,
        metavar="HxW",
        help="size in pixels, divisible by 32, that the new model runs at in place of the one it was trained at",
    )
    parser.add_argument(
        "--coarse-size",
        type=_size_or_none,
        default=argparse.SUPPRESS,
        metavar="HxW",
        help="smaller size in pixels, divisible by 32, that the new model sees every frame at a second time, to take "
        "the larger of both logits; none: it looks once",
    )


def run(args: argparse.Namespace) -> int:
    """Chooses the gate, writes it and prints it."""
    sizes = {name: getattr(args, name) for name in ("input_size", "coarse_size") if hasattr(args, name)}
    if sizes and args.output is None:
        option = next(iter(sizes)).replace("_", "-")
        raise UserError(f"--{option} makes another model: say where it goes, with --output=DIR")
    choose = _choose_leak_free(args) if args.leak_free is not None else _choose_labelled(args)
    if args.output is not None and args.output.exists():
        raise UserError(f"{args.output}: exists: choose another output folder")

    # Imported here, so that help and bad paths need not wait for JAX.
    from jvlgs_jax.cli.checkpoint import load_bundle
    from jvlgs_jax.interop.model_folder import DESCRIPTION
    from jvlgs_jax.runs.calibrated import PLOT

    bundle = dataclasses.replace(load_bundle(args.checkpoint), **sizes)
    if args.output is None and not (args.checkpoint / DESCRIPTION).is_file():
        raise UserError(f"{args.checkpoint}: not a model folder, so that the gate cannot go there: give --output=DIR")
    output = args.output or args.checkpoint
    print(f"{choose(bundle, output)}\n{output}: written, with {PLOT}")
    return 0


def _choose_labelled(args: argparse.Namespace) -> Choose:
    others = dict.fromkeys(("false_alarms_per_hour", "confidence", "alarm"))
    refuse_needless(args, others, "--data-dir counts frames with a mask, not alarms")
    most = MAX_FALSE_ALARMS if args.max_false_alarms is None else args.max_false_alarms
    scenes, unlabelled = choose_scenes(args)
    if unlabelled:
        print(f"left out, as they have no truth: {', '.join(unlabelled)}", file=sys.stderr)

    def choose(bundle: "ModelBundle", output: Path) -> str:
        from jvlgs_jax.runs.calibrated import calibrate_model

        chosen = calibrate_model(bundle, scenes, output, max_false_alarms=most).chosen
        return f"{chosen.gate}\nJ {chosen.j:.3f}, false alarms {chosen.false_alarm_rate:.2%}"

    return choose


def _choose_leak_free(args: argparse.Namespace) -> Choose:
    others = SCENE_DEFAULTS | {"max_false_alarms": None}
    refuse_needless(args, others, "--leak-free counts alarms an hour in all of its footage, which has no labels")
    asked: dict[str, Any] = {"per_hour": args.false_alarms_per_hour, "confidence": args.confidence, "alarm": args.alarm}
    limit = FalseAlarmLimit(**{name: value for name, value in asked.items() if value is not None})
    alarm_config(args.alarm, ConfidenceGate())  # complains before a model is loaded
    videos = [open_video(source) for source in find_videos(args.leak_free).values()]

    def choose(bundle: "ModelBundle", output: Path) -> str:
        from jvlgs_jax.runs.calibrated import calibrate_model_leak_free

        found = calibrate_model_leak_free(bundle, videos, output, limit)
        return (
            f"{found.chosen.gate}\n{found.chosen.observed}: at most {found.chosen.bound:.2f} an hour at "
            f"{limit.confidence:.0%} confidence, on footage like this"
        )

    return choose


def _size(text: str) -> tuple[int, int]:
    """Reads "256x320"; argparse.ArgumentTypeError for what is no size that the network takes."""
    sides = [int(side) if side.isdecimal() else 0 for side in text.split("x")]
    if len(sides) != 2 or not all(sides) or any(side % 32 for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r}: give height and width, both divisible by 32, as in 256x320")
    return sides[0], sides[1]


def _size_or_none(text: str) -> tuple[int, int] | None:
    """Reads "192x256", or "none"; argparse.ArgumentTypeError as above."""
    return None if text == "none" else _size(text)
