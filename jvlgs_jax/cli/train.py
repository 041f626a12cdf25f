"""`jvlgs train --config FILE --workdir DIR`: trains the experiment that a config file describes."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jvlgs_jax.errors import UserError

if TYPE_CHECKING:
    from jvlgs_jax.experiment import Experiment
    from jvlgs_jax.runs.folds import FoldSplit
    from jvlgs_jax.training.outcome import JudgedModel

ACCEPTS_CONFIG_OVERRIDES = True
# Of modules that take a while to import, `runs.experiment_run` and `training.processes`.
DATA_DIR_VARIABLE = "JVLGS_DATA_DIR"
COORDINATOR, COUNT, INDEX, AUTOMATIC = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID", "auto"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.epilog = "Any setting of the config can be changed: --config.train.steps=10 --config.data.batch_size=2"
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="a Python file with get_config(), see configs/"
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help=f"the dataset, raw or prepared; by default ${DATA_DIR_VARIABLE}, else the config's data.root",
    )
    parser.add_argument(
        "--workdir",
        type=Path,
        metavar="DIR",
        help="where checkpoints, metrics and the model go; the same command again goes on from the last checkpoint",
    )
    parser.add_argument(
        "--folds",
        metavar="KIND",
        help="train once for each fold, in DIR/fold_grouped_0, DIR/fold_grouped_1, ..., and report their mean: "
        "all published or all grouped folds, or by number, such as 0,2, those of the kind that the config's "
        "data.split is of",
    )
    parser.add_argument(
        "--print-config", action="store_true", help="print the config as JSON, changes included, and end"
    )
    parser.add_argument(
        "--profile", metavar="A..B", default="0..0", help="record a trace of steps A to B - 1 in the workdir's profile/"
    )
    several = parser.add_argument_group(
        "several processes",
        "Each runs the same command with an index of its own; the workdir and the data are folders that all of them "
        f"see. By default these are ${COORDINATOR}, ${COUNT} and ${INDEX}; without them a process trains alone.",
    )
    several.add_argument(
        "--coordinator",
        metavar="HOST:PORT",
        help=f"where process 0 can be reached; '{AUTOMATIC}' asks the cluster (Cloud TPU, SLURM, Open MPI, Kubernetes) "
        "for all three",
    )
    several.add_argument("--processes", type=int, metavar="N", help="how many there are")
    several.add_argument("--process-index", type=int, metavar="I", help="which this one is, from 0")
    several.add_argument(
        "--heartbeat",
        type=int,
        metavar="SECONDS",
        default=100,
        help="silence after which a process counts as dead and the others end (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Trains, or goes on with the training in the workdir, and prints the scores on the held-out scenes."""
    # Imported here, so that `jvlgs train --help` need not wait for JAX.
    from jvlgs_jax.experiment import load_experiment
    from jvlgs_jax.runs.experiment_run import run_experiment
    from jvlgs_jax.runs.folds import parse_folds
    from jvlgs_jax.training.processes import failing_at_once, is_first, join_processes
    from jvlgs_jax.training.trace import parse_steps

    profile = parse_steps(args.profile)
    experiment = load_experiment(args.config, args.config_overrides)
    if args.print_config:
        print(experiment.to_json(), end="")
        return 0
    if args.workdir is None:
        raise UserError("--workdir=DIR is missing: name the folder for checkpoints and results")
    splits = None if args.folds is None else parse_folds(args.folds, experiment.data)
    join_processes(args.coordinator, args.processes, args.process_index, heartbeat=args.heartbeat)
    with failing_at_once():
        if splits is None:
            judged = run_experiment(experiment, args.workdir, data_dir=args.data_dir, profile=profile)
            if is_first():
                _print(judged)
        else:
            _train_folds(experiment, splits, args, profile)
    return 0


def _train_folds(
    experiment: "Experiment", splits: "Sequence[FoldSplit]", args: argparse.Namespace, profile: range
) -> None:
    from jvlgs_jax.runs.fold_report import REPORT, report_folds
    from jvlgs_jax.runs.folds import train_folds
    from jvlgs_jax.training.processes import is_first

    folders = train_folds(experiment, splits, args.workdir, data_dir=args.data_dir, profile=profile)
    if is_first():
        report = report_folds(folders)
        report.save(args.workdir / REPORT)
        print(f"{report}\n\n{args.workdir / REPORT}")


def _print(judged: "Sequence[JudgedModel]") -> None:
    from jvlgs_jax.evaluation.report import table

    for model in judged:
        for name, findings in model.found.items():
            print(f"\n{model.selection} (step {model.step}), evaluator {name}")
            numbers = "  ".join(f"{metric} {value:.4f}" for metric, value in findings.metrics.items())
            print(table(findings.scores) if findings.scores else numbers)
