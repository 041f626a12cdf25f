"""`jvlgs train --config FILE --workdir DIR`: trains the experiment that a config file describes."""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jvlgs_jax.inference.replacement import replacement

if TYPE_CHECKING:
    from jvlgs_jax.training.outcome import JudgedModel

CONFIG = "config.json"
ACCEPTS_CONFIG_OVERRIDES = True
DATA_DIR_VARIABLE = "JVLGS_DATA_DIR"
# Of `training.processes`, which takes a while to import.
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
        required=True,
        metavar="DIR",
        help="where checkpoints, metrics and the model go; the same command again goes on from the last checkpoint",
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


def run(args: argparse.Namespace) -> int:
    """Trains, or goes on with the training in the workdir, and prints the scores on the held-out scenes."""
    # Imported here, so that `jvlgs train --help` need not wait for JAX.
    from flax import nnx

    from jvlgs_jax.data.dataset import open_dataset
    from jvlgs_jax.experiment import load_experiment
    from jvlgs_jax.models.jvlgs import Jvlgs
    from jvlgs_jax.training.evaluators.findings import HeldOut
    from jvlgs_jax.training.loop import train
    from jvlgs_jax.training.processes import is_first, join_processes
    from jvlgs_jax.training.trace import parse_steps

    profile = parse_steps(args.profile)
    experiment = load_experiment(args.config, args.config_overrides)
    join_processes(args.coordinator, args.processes, args.process_index)
    data = experiment.data
    root = args.data_dir or Path(os.environ.get(DATA_DIR_VARIABLE) or data.root)
    dataset = open_dataset(root, data)
    if is_first():
        args.workdir.mkdir(parents=True, exist_ok=True)
        with replacement(args.workdir / CONFIG) as partial:
            partial.write_text(experiment.to_json(), encoding="utf-8")
    judged = train(
        lambda: Jvlgs(experiment.model, rngs=nnx.Rngs(experiment.seed)),
        experiment.prompts,
        dataset.training,
        HeldOut(test=dataset.held_out, validation=dataset.validation, gate=experiment.rule),
        data=data,
        config=experiment.train,
        seed=experiment.seed,
        workdir=args.workdir,
        about=json.loads(experiment.to_json()),
        profile=profile,
    )
    if is_first():
        _print(judged)
    return 0


def _print(judged: "Sequence[JudgedModel]") -> None:
    from jvlgs_jax.evaluation.report import table

    for model in judged:
        for name, findings in model.found.items():
            print(f"\n{model.selection} (step {model.step}), evaluator {name}")
            numbers = "  ".join(f"{metric} {value:.4f}" for metric, value in findings.metrics.items())
            print(table(findings.scores) if findings.scores else numbers)
