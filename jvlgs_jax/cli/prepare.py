"""`jvlgs prepare --dataset NAME --manual-dir DIR --data-dir DIR`: builds a dataset, or checks one that is built."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.epilog = "Where to download each dataset: datasets/<name>/README.md, or ask for it without --manual-dir."
    parser.add_argument(
        "--dataset",
        required=True,
        metavar="NAME",
        help="simgas, igs_few, igs, gasvid, cgd, gas_db, or gas_folder for data of your own; with a configuration "
        "where it has several: simgas/over_127, gasvid/fgstp",
    )
    parser.add_argument("--manual-dir", type=Path, metavar="DIR", help="where the downloaded data is")
    parser.add_argument(
        "--data-dir", type=Path, required=True, metavar="DIR", help="where the prepared dataset goes, or is"
    )
    parser.add_argument(
        "--skip-bad", action="store_true", help="leave damaged scenes out and list them, instead of stopping"
    )


def run(args: argparse.Namespace) -> int:
    """Builds or checks the dataset, and prints a table of its scenes."""
    # Imported here, so that `jvlgs prepare --help` need not wait for JAX and TFDS.
    from jvlgs_jax.data.prepare import prepare
    from jvlgs_jax.data.record_index import find_dataset
    from jvlgs_jax.data.summary import summary

    index = prepare(args.dataset, manual_dir=args.manual_dir, data_dir=args.data_dir, skip_bad=args.skip_bad)
    print(f"{summary(index)}\n\n{find_dataset(args.data_dir, args.dataset)}")
    return 0
