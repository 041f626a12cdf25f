"""`jvlgs export --checkpoint MODEL --output DIR`: a model as one StableHLO program for CPU, CUDA and TPU."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jvlgs_jax.cli.use_arguments import add_checkpoint_argument
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.output_folder import writing_to
from jvlgs_jax.inference.replacement import replacement

if TYPE_CHECKING:
    from jvlgs_jax.interop.model_folder import ModelBundle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.description = (
        "Writes a model with its weights as one StableHLO program (jax.export) that runs on CPU, CUDA and TPU, and a "
        "manifest that says what goes in and what comes out. Text features and BatchNorm are folded into it."
    )
    add_checkpoint_argument(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="a new folder for both")
    parser.add_argument("--prompts", metavar="A,B,...", help="to fold in, in place of the model's own")
    parser.add_argument(
        "--precision", choices=("float32", "bfloat16"), default="float32", help="of weights and arithmetic"
    )
    parser.add_argument("--batch", type=int, metavar="N", help="windows a call (default: any number)")
    parser.add_argument(
        "--check", action="store_true", help="read the program back, run it here and compare it with the model"
    )


def run(args: argparse.Namespace) -> int:
    """Exports the model and says how large the program is."""
    if args.output.exists():
        raise UserError(f"{args.output}: exists: choose another output folder")
    if args.batch is not None and args.batch < 1:
        raise UserError(f"--batch is {args.batch}, the least is 1: leave it out for any number")

    # Imported here, so that help and bad arguments need not wait for JAX.
    from jvlgs_jax.cli.checkpoint import load_bundle
    from jvlgs_jax.cli.model_choice import with_use
    from jvlgs_jax.interop.export import PROGRAM, ExportConfig, export_model

    bundle = with_use(load_bundle(args.checkpoint), prompts=args.prompts, rule=None).bundle
    with writing_to(args.output), replacement(args.output) as partial:
        manifest = export_model(bundle, partial, ExportConfig(precision=args.precision, batch=args.batch))
        difference = _check(bundle, partial, manifest, args) if args.check else None
    size = (args.output / PROGRAM).stat().st_size / 1e6
    print(f"{args.output}: {size:.1f} MB for {', '.join(manifest['platforms'])}")
    if difference is not None:
        print(f"checked: logits differ from the model's by {difference:.2g} of their deviation at most")
    return 0


def _check(bundle: "ModelBundle", folder: Path, manifest: dict[str, Any], args: argparse.Namespace) -> float:
    """Adds to the manifest how far the program is from the model, and returns it; UserError where that is too far."""
    from jvlgs_jax.interop.export import TOLERANCES, largest_difference, load_exported, write_manifest

    exported = load_exported(folder)
    batches = [args.batch] if args.batch else [1, 3]
    difference = float(np.max([largest_difference(bundle, exported, batch) for batch in batches]))
    tolerance = TOLERANCES[args.precision]
    if not difference <= tolerance:  # not a number is too far, too
        raise UserError(
            f"{args.output}: not written, since its logits would differ from the model's by {difference:.2g} of their "
            f"deviation, more than {tolerance:g}: use --precision=float32, or report it"
        )
    write_manifest(folder, manifest | {"check": {"largest_difference": difference}})
    return difference
