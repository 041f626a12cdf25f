"""`jvlgs prepare --dataset NAME --manual-dir DIR --data-dir DIR`: builds a dataset, or checks one that is built."""

import argparse
import difflib
from pathlib import Path

from jvlgs_jax.errors import UserError

ACCEPTS_CONFIG_OVERRIDES = True
PREVIEWED_CLIPS = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.epilog = "Where to download each dataset: datasets/<name>/README.md, or ask for it without --manual-dir."
    parser.add_argument(
        "--dataset",
        required=True,
        metavar="NAME",
        help="simgas, igs_few, igs, gasvid, cgd, gas_db, gas_folder for data of your own, or plume_sim for clips "
        "that are made here; with a configuration where it has several: simgas/over_127, gasvid/fgstp, plume_sim/faint",
    )
    parser.add_argument(
        "--manual-dir",
        type=Path,
        metavar="DIR",
        help="where the downloaded data is; of a dataset that is built, it must be as it was then",
    )
    parser.add_argument(
        "--data-dir", type=Path, required=True, metavar="DIR", help="where the prepared dataset goes, or is"
    )
    parser.add_argument("--clips", type=int, metavar="N", help="how many clips to make of plume_sim/PRESET")
    parser.add_argument(
        "--abreast",
        type=int,
        default=1,
        metavar="N",
        help="how many of them to make at a time: 1 for a CPU, 32 for an accelerator (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="processes that make them; several beside an accelerator, which waits for what they write "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--skip-bad", action="store_true", help="leave damaged scenes out and list them, instead of stopping"
    )

    parser.add_argument("--show", action="store_true", help="list the splits of the dataset that a config can name")
    parser.add_argument(
        "--preview", type=Path, metavar="PNG", help="draw clips as the network sees them in training, with their masks"
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the experiment whose clips --preview draws (default: published)",
    )


def run(args: argparse.Namespace) -> int:
    """Builds or checks the dataset, and prints a table of its scenes."""
    _check_overrides(args)

    # Imported here, so that `jvlgs prepare --help` need not wait for JAX and TFDS.
    from jvlgs_jax.data.records.index import find_dataset
    from jvlgs_jax.data.records.prepare import prepare
    from jvlgs_jax.data.records.summary import summary
    from jvlgs_jax.data.splits import describe_splits

    index = prepare(
        args.dataset,
        manual_dir=args.manual_dir,
        data_dir=args.data_dir,
        skip_bad=args.skip_bad,
        clips=args.clips,
        abreast=args.abreast,
        workers=args.workers,
    )
    print(f"{summary(index)}\n\n{find_dataset(args.data_dir, args.dataset)}")
    if args.show:
        print("\n" + describe_splits([scene.info for scene in index.scenes]))
    if args.preview is not None:
        _draw_preview(args)
    return 0


def _check_overrides(args: argparse.Namespace) -> None:
    """UserError for an argument that is neither one of this verb's nor a setting of the clips that --preview draws."""
    for argument in args.config_overrides:
        if not argument.startswith("--config."):
            options = [f"--{name.replace('_', '-')}" for name in vars(args) if name != "config_overrides"]
            nearest = difflib.get_close_matches(argument.partition("=")[0], options, n=1)
            hint = f"did you mean {nearest[0]}?" if nearest else f"the options are {', '.join(options)}"
            raise UserError(f"unknown argument '{argument}': {hint}")
        if args.config is None or args.preview is None:
            raise UserError(f"{argument}: changes the clips that --preview draws: give --preview=PNG and --config=FILE")


def _draw_preview(args: argparse.Namespace) -> None:
    import cv2

    from jvlgs_jax.data.batches import training_clips
    from jvlgs_jax.data.clip_source import ClipSource
    from jvlgs_jax.data.planes import input_planes
    from jvlgs_jax.data.preview import contact_sheet
    from jvlgs_jax.data.records.reader import RecordReader
    from jvlgs_jax.experiment import Experiment, load_experiment
    from jvlgs_jax.inference.replacement import replacement

    experiment = load_experiment(args.config, args.config_overrides) if args.config else Experiment()
    planes = input_planes(experiment.data.planes)
    source = ClipSource(reader=RecordReader(args.data_dir, args.dataset, planes))
    clips = training_clips([source], experiment.data, seed=experiment.seed)
    sheet = contact_sheet((clip for clip in clips[:PREVIEWED_CLIPS] if clip is not None), planes)
    with replacement(args.preview) as partial:
        partial.write_bytes(cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes())
    print(f"{args.preview}: {PREVIEWED_CLIPS} clips, a column a frame, a row an input plane, gas outlined")
