"""`jvlgs train --config FILE --workdir DIR`: trains the experiment that a config file describes."""

import argparse
import os
from pathlib import Path

from jvlgs_jax.inference.replacement import replacement

CONFIG = "config.json"
ACCEPTS_CONFIG_OVERRIDES = True
DATA_DIR_VARIABLE = "JVLGS_DATA_DIR"


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


def run(args: argparse.Namespace) -> int:
    """Trains, or goes on with the training in the workdir, and prints the scores on the held-out scenes."""
    # Imported here, so that `jvlgs train --help` need not wait for JAX.
    from flax import nnx

    from jvlgs_jax.data.dataset import open_dataset
    from jvlgs_jax.evaluation.report import table
    from jvlgs_jax.experiment import load_experiment
    from jvlgs_jax.models.jvlgs import Jvlgs
    from jvlgs_jax.training.loop import HeldOut, train

    experiment = load_experiment(args.config, args.config_overrides)
    data = experiment.data
    root = args.data_dir or Path(os.environ.get(DATA_DIR_VARIABLE) or data.root)
    dataset = open_dataset(root, data)
    args.workdir.mkdir(parents=True, exist_ok=True)
    with replacement(args.workdir / CONFIG) as partial:
        partial.write_text(experiment.to_json(), encoding="utf-8")
    scores = train(
        lambda: Jvlgs(experiment.model, rngs=nnx.Rngs(experiment.seed)),
        experiment.prompts,
        dataset.training,
        HeldOut(scenes=dataset.held_out, rule=experiment.rule),
        data=data,
        config=experiment.train,
        seed=experiment.seed,
        workdir=args.workdir,
    )
    if scores:
        print(table(scores))
    return 0
