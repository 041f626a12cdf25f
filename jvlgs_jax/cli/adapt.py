"""`jvlgs adapt --support DIR --output DIR`: adapts a model to a site from a handful of its frames."""

import argparse
import sys
from pathlib import Path

from jvlgs_jax.cli.use_arguments import add_checkpoint_argument
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.output_folder import writing_to


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.description = (
        "Learns a new site from a few annotated frames of it, and writes a model folder that predict, evaluate and "
        "calibrate take. How far it goes is chosen on frames left out; the gate is tightened where frames without gas "
        "would raise more false alarms than before."
    )
    parser.add_argument(
        "--support",
        type=Path,
        required=True,
        metavar="DIR",
        help="videos or folders of frames of the site, with masks for at least one frame that shows gas; the frames "
        "before it belong there too, without masks (docs/fewshot.md)",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the adapted model goes")
    add_checkpoint_argument(parser)
    parser.add_argument(
        "--method",
        default="decoder",
        help="what changes: decoder, heads, batch_norm, low_rank, all, prototype, "
        "inner_loop; with settings as in decoder:learning_rate=0.001,steps=24 (default: %(default)s)",
    )
    parser.add_argument(
        "--leak-free", type=Path, metavar="PATH", help="a video, a folder of frames or a folder of these, without gas"
    )
    parser.add_argument("--layout", default="auto", help="of --support: one of docs/data.md, or auto (default)")
    parser.add_argument(
        "--threshold", type=int, metavar="GREY", help="of masks: brighter is gas (default: the layout's own)"
    )
    parser.add_argument(
        "--shots",
        type=int,
        default=20,
        metavar="K",
        help="the most frames with gas to learn from (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Adapts, writes the model and says how far it went and what of false alarms."""
    for path in (args.support, args.leak_free):
        if path is not None and not path.exists():
            raise UserError(f"{path}: no such file or folder: check the path")
    if args.output.exists():
        raise UserError(f"{args.output}: exists: choose another output folder")

    # Imported here, so that help and bad paths need not wait for JAX.
    from jvlgs_jax.cli.checkpoint import checkpoint_name, load_bundle
    from jvlgs_jax.data.planes import input_planes
    from jvlgs_jax.fewshot.adapt import adapt, save_adaptation, windows_of
    from jvlgs_jax.fewshot.methods import adaptation_method
    from jvlgs_jax.fewshot.support_checks import check_support
    from jvlgs_jax.fewshot.support_files import read_support

    method = adaptation_method(args.method)
    if method.starts_anew:
        raise UserError(
            f"--method={args.method}: begins with random weights, so that nothing is adapted: leave it to `jvlgs "
            "benchmark few-shot`, and use decoder"
        )
    _check_place(args.output)
    bundle = load_bundle(args.checkpoint)
    planes = input_planes(bundle.planes)
    support = read_support(
        args.support,
        planes,
        windows_of(bundle),
        layout=args.layout,
        threshold=args.threshold,
        leak_free=args.leak_free,
        shots=args.shots,
    )
    for warning in check_support(support, planes, str(args.support)):
        print(f"jvlgs: warning: {warning}", file=sys.stderr)
    empty = len(support.frames) - support.shots
    print(
        f"{checkpoint_name(args.checkpoint)}: {support.shots} frames with gas and {empty} without to learn from, "
        f"{len(support.leak_free)} more without to count false alarms on",
        file=sys.stderr,
    )
    adaptation = adapt(bundle, support, method, args.method)
    save_adaptation(args.output, adaptation)
    print(f"{adaptation}\n{args.output}: written")
    return 0


def _check_place(folder: Path) -> None:
    """UserError, before anything is learned, where a new folder cannot be made."""
    with writing_to(folder):
        folder.mkdir(parents=True)
        folder.rmdir()
