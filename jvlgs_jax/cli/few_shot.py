"""`jvlgs benchmark few-shot --data-dir DIR --output DIR`: the K-shot protocol over labelled scenes."""

import argparse
import sys
from pathlib import Path

from jvlgs_jax.cli.scene_choice import add_scene_arguments, choose_scenes
from jvlgs_jax.cli.use_arguments import add_checkpoint_argument
from jvlgs_jax.errors import UserError


def add_few_shot_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this part of the verb."""
    group = parser.add_argument_group("few-shot")
    group.add_argument("--data-dir", type=Path, metavar="DIR", help="a dataset with truth, raw or prepared")
    group.add_argument(
        "--output", type=Path, metavar="DIR", help="where table, plot and measurements go; the same command goes on"
    )
    group.add_argument("--shots", default="1,5,10", metavar="K,...", help="beside 0 (default: %(default)s)")
    group.add_argument(
        "--methods",
        default="decoder;prototype;scratch",
        metavar="A;B;...",
        help="of `jvlgs adapt`, perhaps with settings, or scratch (default: %(default)s)",
    )
    add_checkpoint_argument(group)
    add_scene_arguments(group)


def run_few_shot(args: argparse.Namespace) -> None:
    """Measures what is still missing, and writes table and plot after each scene."""
    for name in ("data_dir", "output"):
        if getattr(args, name) is None:
            raise UserError(f"benchmark few-shot needs --{name.replace('_', '-')}=DIR")
    shots = _numbers(args.shots)
    scenes, unlabelled = choose_scenes(args)
    if unlabelled:
        print(f"left out, as they have no truth: {', '.join(unlabelled)}", file=sys.stderr)

    # Imported here, so that help and bad paths need not wait for JAX.
    from jvlgs_jax.cli.checkpoint import checkpoint_name, load_bundle
    from jvlgs_jax.fewshot import protocol_report as report
    from jvlgs_jax.fewshot.protocol import ProtocolConfig, measure
    from jvlgs_jax.interop.fingerprint import fingerprint

    config = ProtocolConfig(shots=shots, methods=tuple(part.strip() for part in args.methods.split(";")))
    bundle = load_bundle(args.checkpoint)
    protocol = {"model": fingerprint(bundle), "rule": bundle.rule, "gap": config.gap, "stride": config.stride}
    place = {"folder": args.data_dir.resolve().name, "dataset": args.dataset}
    how = {"layout": args.layout, "threshold": args.threshold}
    report.claim_output(args.output, protocol | place | how)
    lines = args.output / report.LINES
    found = report.load_measurements(lines)
    notes = [
        f"{checkpoint_name(args.checkpoint)} on {len(scenes)} scenes of {args.data_dir.resolve().name}; query: every "
        f"{config.stride}th frame of the later halves, more than {config.gap} frames from the early ones."
    ]
    for measurement in measure(bundle, scenes, config, found):
        found.append(measurement)
        report.save_measurements(lines, found)
        print(report.describe(measurement), flush=True)
        report.save_report(args.output, found, notes)
    report.save_report(args.output, found, notes)
    print(f"{report.markdown(report.curve(found))}\n{args.output}: written")


def _numbers(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UserError(f"--shots is {text!r}: give whole numbers from 1, as in 1,5,10")
    return tuple(int(part) for part in parts)
