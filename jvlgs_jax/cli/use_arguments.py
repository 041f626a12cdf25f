"""The arguments that say which model is run, and how where that is not as it was trained and calibrated."""

import argparse
from pathlib import Path

from jvlgs_jax.data.prompts import EMPTY_PROMPT
from jvlgs_jax.inference.postprocess import RULE_NAMES, mask_rule


def add_checkpoint_argument(parser: argparse._ActionsContainer) -> None:
    """Adds --checkpoint, which may name a shipped model, and by default means one."""
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="DIR",
        help="a model folder, the workdir of a training, or the name of a model that `jvlgs models` lists (default: "
        "the one that it calls so)",
    )


def add_use_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --prompts and --rule."""
    parser.add_argument(
        "--prompts",
        metavar="A,B,...",
        help="what to look for in place of the model's own prompts, to see what they matter; "
        f"{EMPTY_PROMPT} stands for a prompt without words",
    )
    parser.add_argument(
        "--rule",
        metavar="RULE",
        help=f"from probabilities to masks: {' or '.join(RULE_NAMES)}, with settings as in "
        f"{RULE_NAMES[0]}:low=0.2,high=0.6 (default: the model's own, or else {RULE_NAMES[0]}); only ours, the first, "
        "can say that there is no leak",
    )


def check_use(args: argparse.Namespace) -> None:
    """UserError for a --rule that there is not: before a model is loaded."""
    if args.rule is not None:
        mask_rule(args.rule)
