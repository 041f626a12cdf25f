"""`jvlgs convert`: published weight files to model folders, and back."""

import argparse
from pathlib import Path

from jvlgs_jax.data.prompts import DEFAULT_PROMPTS, split_prompts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Converts a weight file (.pth, .pt, .safetensors: the published JVLGS checkpoint, its COD10K encoder, PVTv2 "
        "ImageNet weights under original or timm names, OWLv2 or CLIP text towers) to a model folder; or a model "
        "folder of the published network to a weight file under the published names."
    )
    parser.add_argument("source", type=Path, help="weight file, or model folder to write back")
    parser.add_argument("--output", type=Path, required=True, help="model folder, or weight file to write")
    parser.add_argument(
        "--prompts",
        default=",".join(DEFAULT_PROMPTS),
        help="comma-separated prompts that the checkpoint was trained with, in order (default: the published four)",
    )


def run(args: argparse.Namespace) -> int:
    """Converts in the direction that the kind of `source` tells."""
    from jvlgs_jax.interop.convert import export_weights, import_weights
    from jvlgs_jax.weights.shipped import shipped_models

    shipped = {model.name: model.folder for model in shipped_models()}
    folder = args.source if args.source.exists() else shipped.get(str(args.source), args.source)
    if folder.is_dir():
        export_weights(folder, args.output)
        print(f"{args.output}: written under the published names")
    else:
        print(import_weights(args.source, args.output, split_prompts(args.prompts)))
        print(f"{args.output}: written")
    return 0
