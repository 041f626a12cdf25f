"""`jvlgs meta-train --config FILE --workdir DIR`: learns a start from which a model adapts to new sites."""

import argparse

from jvlgs_jax.cli import train
from jvlgs_jax.errors import UserError

ACCEPTS_CONFIG_OVERRIDES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb, which are those of `jvlgs train`."""
    train.add_arguments(parser)
    parser.epilog = "Any setting of the config can be changed: --config.meta.learner=maml --config.meta.inner.steps=5"


def run(args: argparse.Namespace) -> int:
    """Meta-trains, or goes on with it in the workdir, and prints what the evaluators find in the start itself."""
    from jvlgs_jax.experiment import load_experiment

    if load_experiment(args.config, args.config_overrides).meta is None:
        raise UserError(
            f"{args.config}: sets no `meta`, so it is an ordinary training: run jvlgs train, or start from "
            "configs/meta_maml.py"
        )
    return train.run(args)
