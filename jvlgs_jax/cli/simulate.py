"""`jvlgs simulate`: made-up gas-leak clips with exact truth."""

import argparse
import dataclasses
from pathlib import Path

from jvlgs_jax.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Writes simulated clips as scene folders (images/ and masks/, which train and evaluate read), each with its "
        "exact truth (truth.npz), and captions.jsonl. The same arguments write the same clips, and go on where an "
        "earlier run stopped."
    )
    parser.add_argument("--preset", default="simgas_like", help="family of clips (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=10, help="how many (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=32, help="frames a clip (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="other seeds give other clips (default: %(default)s)")
    parser.add_argument("--output", type=Path, required=True, help="folder for the scenes")


def run(args: argparse.Namespace) -> int:
    """Simulates and writes the clips."""
    from tqdm import tqdm

    from jvlgs_jax.simulation.export import write_clips
    from jvlgs_jax.simulation.presets import preset

    if args.clips < 1:
        raise UserError(f"--clips {args.clips}: at least 1 is needed")
    config = dataclasses.replace(preset(args.preset), frame_count=args.frames, seed=args.seed)
    for _ in tqdm(write_clips(config, args.clips, args.output, prefix=args.preset), total=args.clips, unit="clip"):
        pass
    print(f"{args.output}: {args.clips} clips written")
    return 0
