"""`jvlgs average MODEL MODEL --output DIR`: makes the mean of models of one network."""

import argparse
from pathlib import Path

from jvlgs_jax.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.description = (
        "Writes the mean of the weights of models of one network, such as a training's start and its end: often better "
        "on unseen footage than either. It runs as the last one does. Its confidence gate is the default one: choose "
        "one with `jvlgs calibrate`."
    )
    parser.add_argument(
        "models", type=Path, nargs="+", metavar="MODEL", help="model folders, workdirs of trainings, or shipped models"
    )
    parser.add_argument(
        "--shares",
        type=float,
        nargs="+",
        metavar="S",
        help="how much each counts, as in --shares 1 3 (default: all the same)",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the new model folder")


def run(args: argparse.Namespace) -> int:
    """Writes the mean."""
    if args.output.exists():
        raise UserError(f"{args.output}: exists: choose another output folder")

    # Imported here, so that help and bad paths need not wait for JAX.
    from jvlgs_jax.cli.checkpoint import load_bundle
    from jvlgs_jax.interop.averaging import average_models
    from jvlgs_jax.interop.model_folder import save_model

    models = {str(path): load_bundle(path) for path in args.models}
    if len(models) < len(args.models):
        raise UserError("one model is named twice: let it count more with --shares")
    save_model(args.output, average_models(models, args.shares or [1.0] * len(models)))
    print(f"{args.output}: written, the mean of {len(models)} models")
    return 0
