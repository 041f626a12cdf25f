"""`jvlgs sweep --config FILE --workdir DIR`: the trainings that a config file's `sweep()` yields, and their results."""

import argparse
import shlex
import sys
from pathlib import Path

from jvlgs_jax.errors import UserError

ACCEPTS_CONFIG_OVERRIDES = True
SOME_UNFINISHED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.epilog = (
        "The same command again goes on with what is not finished. Settings of all trials: --config.train.steps=10. "
        "Exit code 1: some did not finish; their logs say why."
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="a Python file with get_config() and sweep()")
    parser.add_argument(
        "--workdir", type=Path, required=True, metavar="DIR", help="where the trials' folders and the results go"
    )
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="the dataset, as in jvlgs train")
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="trainings at a time, on equal parts of the GPUs; by default 1 here, all on SLURM",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--run", choices=["local"], default="local", help="run the trials on this machine (the default)")
    what.add_argument("--emit", choices=["slurm", "skypilot"], help="instead write what submits them to a cluster")
    what.add_argument("--collect", action="store_true", help="only print and write the table; needs no --config")


def run(args: argparse.Namespace) -> int:
    """Runs the trials, writes jobs for them, or collects what they found."""
    if args.jobs is not None and args.jobs < 1:
        raise UserError(f"--jobs is {args.jobs}, the least is 1: use a larger one")
    if args.collect:
        return _collect(args.workdir)
    if args.config is None:
        raise UserError("--config is missing: name a Python file with get_config() and sweep(), see configs/")
    # Imported here, so that the help and the table need not wait for JAX.
    from jvlgs_jax.sweeps.gpus import visible_gpus
    from jvlgs_jax.sweeps.jobs import write_skypilot, write_slurm
    from jvlgs_jax.sweeps.local import run_locally
    from jvlgs_jax.sweeps.trials import expand, write_trials

    sweep = expand(args.config, args.workdir, data_dir=args.data_dir, overrides=args.config_overrides)
    write_trials(sweep)
    if args.emit == "slurm":
        print(shlex.join(["sbatch", str(write_slurm(sweep, jobs=args.jobs))]))
        return 0
    if args.emit == "skypilot":
        print(shlex.join(["bash", str(write_skypilot(sweep))]))
        return 0
    finished = run_locally(
        sweep, jobs=args.jobs or 1, tell=lambda line: print(line, file=sys.stderr, flush=True), gpus=visible_gpus()
    )
    _collect(args.workdir)
    return 0 if finished else SOME_UNFINISHED


def _collect(workdir: Path) -> int:
    from jvlgs_jax.sweeps.results import collect, markdown, save

    results = collect(workdir)
    print(markdown(results))
    save(results, workdir)
    return 0
