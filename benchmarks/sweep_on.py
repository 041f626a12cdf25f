"""Scores each model of a sweep on one dataset, and tells what a variant is worth: mean and range over its seeds.

python benchmarks/sweep_on.py runs/ablation --data-dir=DIR --layout=simgas --threshold=20

DIR and what follows it is for `jvlgs evaluate`. The records of a trial go to its folder, in one named like the dataset;
those that are there are not made again. A variant is all that the sweep sets but the seed.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jvlgs_jax.evaluation.conventions import alarms, jvlgs
from jvlgs_jax.evaluation.field import small_plumes
from jvlgs_jax.evaluation.records import FrameRecord, load_records
from jvlgs_jax.sweeps.progress import State, state

COLUMNS = ("J", "F", "false alarms", "detected", "J of plumes under 1 %")


def main() -> None:
    """Scores what is not scored yet and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=Path, help="the workdir of a sweep")
    parser.add_argument("--data-dir", type=Path, required=True)
    args, rest = parser.parse_known_args()
    variants: dict[str, list[list[float]]] = {}
    for settings, folder in _finished(args.sweep):
        scores = folder / f"on_{args.data_dir.resolve().name}"
        if not scores.exists():
            print(folder.name, file=sys.stderr, flush=True)
            command = ("evaluate", f"--checkpoint={folder}", f"--data-dir={args.data_dir}", *rest, f"--output={scores}")
            subprocess.run([sys.executable, "-m", "jvlgs_jax", *command], check=True, stdout=subprocess.DEVNULL)
        name = ", ".join(f"{key}={value}" for key, value in settings.items() if key != "seed") or "as the config says"
        variants.setdefault(name, []).append(_figures(load_records(scores / "records.csv")["model"]))
    print(" | ".join(("variant", "seeds", *COLUMNS)))
    for name, figures in variants.items():
        cells = (f"{np.mean(column):.3f} ({min(column):.3f} to {max(column):.3f})" for column in np.transpose(figures))
        print(" | ".join((name, str(len(figures)), *cells)))


def _finished(sweep: Path) -> list[tuple[dict[str, str | int], Path]]:
    """Returns what each finished trial set, and its folder, in the sweep's order."""
    trials = [(json.loads(path.read_text(encoding="utf-8")), path.parent) for path in sweep.glob("*/trial.json")]
    trials.sort(key=lambda trial: trial[0]["index"])
    return [(about["settings"], folder) for about, folder in trials if state(folder) is State.FINISHED]


def _figures(records: Sequence[FrameRecord]) -> list[float]:
    score, raised = jvlgs(records), alarms(records)
    return [score.j, score.f, raised.false_alarm_rate, raised.detection_rate, small_plumes(records).j]


if __name__ == "__main__":
    main()
