"""The arguments that choose labelled scenes in --data-dir."""

import argparse
from typing import Any

from jvlgs_jax.evaluation.scenes import LabelledScenes, labelled_scenes

SCENE_DEFAULTS: dict[str, Any] = {"dataset": None, "layout": "auto", "threshold": None, "split": None, "scenes": None}


def add_scene_arguments(parser: argparse._ActionsContainer) -> None:
    """Adds all but --data-dir itself."""
    parser.add_argument(
        "--dataset", metavar="NAME", help="which of the datasets that `jvlgs prepare` has put there; default: raw files"
    )
    parser.add_argument(
        "--layout", default=SCENE_DEFAULTS["layout"], help="of raw files: one of docs/data.md, or auto (default)"
    )
    parser.add_argument(
        "--threshold", type=int, metavar="GREY", help="of raw files: truth above it is gas (default: the layout's own)"
    )
    parser.add_argument(
        "--split", help="take only the scenes that it holds out, such as grouped/0 (`jvlgs prepare --show` lists them)"
    )
    parser.add_argument(
        "--scenes", metavar="A,B,C", help="names of the scenes to take, or of their groups (default: all of them)"
    )


def choose_scenes(args: argparse.Namespace) -> LabelledScenes:
    """Returns the scenes that the arguments choose; UserError as `labelled_scenes` raises."""
    names = None if args.scenes is None else [name.strip() for name in args.scenes.split(",")]
    place = {"dataset": args.dataset, "layout": args.layout, "threshold": args.threshold}
    return labelled_scenes(args.data_dir, **place, split=args.split, names=names)
