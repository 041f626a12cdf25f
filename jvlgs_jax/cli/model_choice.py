"""The model that a command line chooses: which one, asked for what, and how its probabilities become masks."""

import argparse
import dataclasses
from typing import NamedTuple

from jvlgs_jax.cli.checkpoint import load_bundle
from jvlgs_jax.data.prompts import split_prompts
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.postprocess import RULE_NAMES, NamedRule, mask_rule, rule_from
from jvlgs_jax.interop.model_folder import ModelBundle
from jvlgs_jax.models.jvlgs import JvlgsConfig


class ChosenModel(NamedTuple):
    """A model with the prompts it is asked, and the rule from its probabilities to masks."""

    bundle: ModelBundle
    rule: NamedRule


def choose_model(args: argparse.Namespace) -> ChosenModel:
    """Loads --checkpoint, with --prompts and --rule where they are given; UserError where they do not fit."""
    return with_use(load_bundle(args.checkpoint), prompts=args.prompts, rule=args.rule)


def with_use(bundle: ModelBundle, *, prompts: str | None, rule: str | None) -> ChosenModel:
    """Returns the model as `prompts` and `rule` say; None: as its own description says."""
    if prompts is not None:
        bundle = dataclasses.replace(bundle, prompts=split_prompts(prompts))
        config = bundle.model.config
        if config.fusion == JvlgsConfig.fusion and len(bundle.prompts) != config.num_prompts:
            raise UserError(
                f"--prompts: {len(bundle.prompts)} given, but this network was built for {config.num_prompts}: give so "
                "many, the same one again if need be"
            )
    if rule is not None:
        return ChosenModel(bundle, mask_rule(rule))
    return ChosenModel(bundle, mask_rule(RULE_NAMES[0]) if bundle.rule is None else rule_from(bundle.rule))
