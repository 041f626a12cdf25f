"""`jvlgs folds WORKDIR...`: one table of trainings that each held out another fold."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument(
        "workdirs",
        type=Path,
        nargs="+",
        metavar="WORKDIR",
        help="that of `jvlgs train --folds`, or those of trainings with one fold each",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the scores as JSON too, such as folds.json")


def run(args: argparse.Namespace) -> int:
    """Prints the table of the folds that are finished and, if asked to, writes their scores."""
    from jvlgs_jax.runs.fold_report import fold_folders, report_folds

    report = report_folds([folder for workdir in args.workdirs for folder in fold_folders(workdir)])
    print(report)
    if args.output is not None:
        report.save(args.output)
        print(f"\n{args.output}")
    return 0
