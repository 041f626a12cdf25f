"""`jvlgs simulate`: made-up gas-leak clips with exact truth."""

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from jvlgs_jax.errors import UserError

if TYPE_CHECKING:
    from jvlgs_jax.simulation.config import SimulationConfig

_MOST_SHOWN = 12  # clips in a gallery
_SHRINK = 2  # clips are drawn at half their size
_FRAMES_PER_SECOND = 12.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Writes simulated clips as scene folders (images/ and masks/, which train and evaluate read), each with its "
        "exact truth (truth.npz), and captions.jsonl. Gas that no one could see is clear in the masks, and "
        "255 in truth.npz. The same arguments write the same clips, and go on where an earlier "
        "run stopped. With --gallery, draws the first clips for people, with or without writing them."
    )
    parser.add_argument("--preset", default="simgas_like", help="family of clips (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=10, help="how many (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=32, help="frames a clip (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="other seeds give other clips (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="folder for the scenes")
    parser.add_argument(
        "--gallery",
        type=Path,
        nargs="?",
        const=Path("gallery"),
        metavar="FOLDER",
        help="folder (default: %(const)s) for a contact sheet, simulation_PRESET.png, and simulation_PRESET.mp4: "
        f"frame, frame minus causal background (times 4) and truth of the first clips, {_MOST_SHOWN} at most",
    )


def run(args: argparse.Namespace) -> int:
    """Simulates, writes and draws the clips."""
    from tqdm import tqdm

    from jvlgs_jax.simulation.export import write_clips
    from jvlgs_jax.simulation.presets import preset

    if args.output is None and args.gallery is None:
        raise UserError("nothing to write: give --output FOLDER for the clips, --gallery FOLDER to see some, or both")
    if args.clips < 1:
        raise UserError(f"--clips {args.clips}: at least 1 is needed")
    config = dataclasses.replace(preset(args.preset), frame_count=args.frames, seed=args.seed)
    if args.output is not None:
        for _ in tqdm(write_clips(config, args.clips, args.output, prefix=args.preset), total=args.clips, unit="clip"):
            pass
        print(f"{args.output}: {args.clips} clips written")
    if args.gallery is not None:
        shown = min(args.clips, _MOST_SHOWN)
        _write_gallery(config, shown, args.gallery / f"simulation_{args.preset}")
        print(f"{args.gallery}: {shown} clips drawn")
    return 0


def _write_gallery(config: "SimulationConfig", count: int, stem: Path) -> None:
    """Draws the first clips as a picture, two thirds through them, and as a video."""
    import cv2
    import numpy as np
    from tqdm import tqdm

    from jvlgs_jax.inference.replacement import replacement
    from jvlgs_jax.inference.video_writer import video_writer
    from jvlgs_jax.simulation.clip import simulate_clip
    from jvlgs_jax.simulation.gallery import arrange, panels

    sheets = arrange([panels(simulate_clip(config, index)) for index in tqdm(range(count), unit="clip")])
    size = (sheets.shape[2] // _SHRINK, sheets.shape[1] // _SHRINK)
    sheets = [cv2.resize(sheet, size, interpolation=cv2.INTER_AREA) for sheet in sheets]
    stem.parent.mkdir(parents=True, exist_ok=True)
    with replacement(stem.with_suffix(".png")) as partial:
        cv2.imwrite(str(partial), sheets[2 * len(sheets) // 3], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    with video_writer(stem.with_suffix(".mp4"), _FRAMES_PER_SECOND) as write:
        for sheet in sheets:
            write(np.repeat(sheet[..., None], 3, axis=-1))
