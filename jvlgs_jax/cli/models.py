"""`jvlgs models`: lists the models that come with the package and checks that they are whole; `--ship` adds one."""

import argparse
from pathlib import Path

from jvlgs_jax.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.description = (
        "Lists the models that come with the package, each with its parameters, size, input and licence, and checks "
        "the SHA-256 of its weights. Their names can stand for --checkpoint=DIR everywhere. --ship adds a model: for "
        "those who maintain the package."
    )
    parser.add_argument("--ship", type=Path, metavar="DIR", help="a trained model folder or workdir, to be shipped")
    parser.add_argument("--name", help="of the model to ship")
    parser.add_argument(
        "--card",
        type=Path,
        metavar="FILE",
        help="of the model to ship: JSON with summary, licence, data, recipe, "
        "numbers and limits, the texts of its card",
    )
    parser.add_argument("--precision", default="float16", help="of the model to ship: float16 (default) or bfloat16")
    parser.add_argument("--default", action="store_true", help="ship it as what is used where no model is named")


def run(args: argparse.Namespace) -> int:
    """Lists and checks the shipped models, after adding one where that is asked."""
    from jvlgs_jax.weights.shipped import shipped_models

    if args.ship is not None:
        _ship(args)
    models = shipped_models()
    if not models:
        print("no model comes with this version of the package; train one, or convert published weights")
    for model in models:
        print(
            f"{model.name}{' (default)' if model.entry.default else ''}: {model.entry.summary}\n"
            f"  {model.parameters():,} parameters, {model.weight_bytes / 1e6:.1f} MB, input {model.sizes}, "
            f"licence {model.entry.licence}\n"
            f"  prompts: {', '.join(model.prompts)}\n"
            f"  sha256: {model.entry.sha256}"
        )
    for model in models:
        model.check()
    return 0


def _ship(args: argparse.Namespace) -> None:
    from jvlgs_jax.cli.checkpoint import load_bundle
    from jvlgs_jax.weights.ship import read_card_texts, ship_model
    from jvlgs_jax.weights.shipped import FOLDER, shipped_models

    for name in ("name", "card"):
        if getattr(args, name) is None:
            raise UserError(f"--{name} is missing: --ship needs it")
    if Path(args.name).name != args.name or args.name.startswith("."):
        raise UserError(f"--name is {args.name!r}: it names a folder: use a plain word")
    texts = read_card_texts(args.card)
    others = [model.name for model in shipped_models() if model.entry.default and model.name != args.name]
    if args.default and others:
        raise UserError(f"--default: {others[0]} is the default already: ship that one again without it first")
    ship_model(load_bundle(args.ship), FOLDER / args.name, texts, default=args.default, precision=args.precision)
