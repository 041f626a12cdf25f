"""`jvlgs evaluate --checkpoint PATH --data-dir DIR --output DIR`: scores a model on labelled scenes.

`jvlgs evaluate --checkpoint PATH --suite FOLDER_OR_FILE --output DIR` scores it on many datasets, beside baselines, and
writes one table of all.

`jvlgs evaluate --follow WORKDIR` scores each checkpoint of a running training as it appears, as its config says.
"""

import argparse
import sys
from pathlib import Path

from jvlgs_jax.cli.needless import refuse_needless
from jvlgs_jax.cli.scene_choice import SCENE_DEFAULTS, add_scene_arguments, choose_scenes
from jvlgs_jax.cli.use_arguments import add_checkpoint_argument, add_use_arguments, check_use
from jvlgs_jax.data.printable import printable
from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.suite import read_suite
from jvlgs_jax.inference.output_folder import writing_to

RECORDS, SCORES = "records.csv", "scores.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    model = parser.add_mutually_exclusive_group()
    add_checkpoint_argument(model)
    model.add_argument(
        "--follow",
        type=Path,
        metavar="WORKDIR",
        help="score each checkpoint of a running training as it appears, by the evaluators of its config, until the "
        "training is done; only --data-dir and --poll-seconds go with it",
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="a dataset with truth, raw or prepared; or --suite, or --follow"
    )
    parser.add_argument(
        "--suite",
        type=Path,
        metavar="PATH",
        help="many datasets in place of --data-dir: a folder of them, or a suite file (docs/results.md); baselines are "
        "scored too, and the same command again goes on",
    )
    add_scene_arguments(parser)
    add_use_arguments(parser)
    parser.add_argument("--baselines", action="store_true", help="also score classical detectors on the same frames")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help=f"where {RECORDS} and {SCORES} go; needed but with --follow"
    )
    parser.add_argument(
        "--poll-seconds", type=float, default=10.0, metavar="S", help="how often --follow looks (default: 10)"
    )


def run(args: argparse.Namespace) -> int:
    """Scores the model, prints the tables and writes the records and scores; or follows a training."""
    if args.follow is not None:
        return _follow(args)
    needed = {"--data-dir or --suite": args.suite or args.data_dir, "--output": args.output}
    missing = [f"{name}=PATH" for name, value in needed.items() if value is None]
    if missing:
        raise UserError(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    check_use(args)
    return _suite(args) if args.suite else _evaluate(args)


def _follow(args: argparse.Namespace) -> int:
    others = {"suite": None, "prompts": None, "rule": None, "baselines": False, "output": None}
    refuse_needless(args, SCENE_DEFAULTS | others, "--follow scores what the training's config says")

    from jvlgs_jax.runs.follow import follow_training

    print(follow_training(args.follow, data_dir=args.data_dir, poll_seconds=args.poll_seconds))
    return 0


def _suite(args: argparse.Namespace) -> int:
    refuse_needless(args, {"data_dir": None, **SCENE_DEFAULTS}, "--suite says which data to score on")
    datasets = read_suite(args.suite, args.output)
    _make_folder(args.output)

    # Imported here, so that help and bad paths need not wait for JAX.
    from jvlgs_jax.cli.model_choice import choose_model
    from jvlgs_jax.evaluation.suite_run import run_suite
    from jvlgs_jax.evaluation.suite_table import CSV, JSON, MARKDOWN, means_table, save_suite, suite_rows
    from jvlgs_jax.inference.segmenter import Segmenter
    from jvlgs_jax.interop.fingerprint import fingerprint

    bundle, rule = choose_model(args)
    settings = {"model": fingerprint(bundle), "prompts": list(bundle.prompts), "rule": str(rule)}
    outcome = run_suite(datasets, Segmenter(bundle), rule, settings, args.output)
    if outcome.results:
        rows = suite_rows(outcome.results)
        notes = [
            f"Checkpoint `{args.checkpoint or 'default'}`, fingerprint `{settings['model'][:16]}`.",
            f"Prompts: {', '.join(bundle.prompts)}.",
            f"Rule: `{settings['rule']}`.",
            *(f"Left out: {name}: {reason}" for name, reason in outcome.failures.items()),
        ]
        save_suite(args.output, rows, notes)
        print(f"\nprompts: {', '.join(bundle.prompts)}\n\n{means_table(rows)}\n")
        print(printable(", ".join(str(args.output / name) for name in (MARKDOWN, CSV, JSON))))
    if outcome.failures:
        reasons = "; ".join(f"{name} ({reason})" for name, reason in outcome.failures.items())
        raise UserError(f"{len(outcome.failures)} of {len(datasets)} datasets could not be scored: {reasons}")
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    scenes, unlabelled = choose_scenes(args)
    if unlabelled:
        print(f"left out, as they have no truth: {', '.join(unlabelled)}", file=sys.stderr)
    _make_folder(args.output)

    # Imported here, so that help and bad paths need not wait for JAX.
    from jvlgs_jax.cli.model_choice import choose_model
    from jvlgs_jax.evaluation.baselines import BASELINES
    from jvlgs_jax.evaluation.evaluator import MODEL, evaluate
    from jvlgs_jax.evaluation.records import save_records
    from jvlgs_jax.evaluation.report import save_scores, scene_table, score, table
    from jvlgs_jax.inference.segmenter import Segmenter

    bundle, rule = choose_model(args)
    evaluation = evaluate(Segmenter(bundle), scenes, rule, BASELINES if args.baselines else None)
    scores = {method: score(records) for method, records in evaluation.records.items()}
    save_records(args.output / RECORDS, evaluation.records)
    save_scores(args.output / SCORES, scores)
    print(f"{scene_table(scores[MODEL])}\n\n{table(scores)}\n")
    for method, of in scores.items():
        print(f"{method}\n{of}\n")
    print(printable(f"{args.output / RECORDS}, {args.output / SCORES}"))
    return 0


def _make_folder(folder: Path) -> None:
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
