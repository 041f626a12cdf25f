"""Scoring the checkpoints of a running training from outside, so that the training need not wait for it."""

import dataclasses
import json
import sys
from pathlib import Path

from jvlgs_jax.data.dataset import open_dataset
from jvlgs_jax.errors import UserError
from jvlgs_jax.runs.experiment_run import data_root, regime_of, stored_experiment, training_sources
from jvlgs_jax.training.config import TrainConfig
from jvlgs_jax.training.evaluators.findings import HeldOut
from jvlgs_jax.training.evaluators.follow import follow
from jvlgs_jax.training.evaluators.schedule import Evaluators
from jvlgs_jax.training.mesh import MeshConfig, make_mesh
from jvlgs_jax.training.writers import JsonLines

RECORD = "follow.jsonl"


def follow_training(workdir: Path, *, data_dir: Path | None = None, poll_seconds: float = 10.0) -> Path:
    """Runs the training's own evaluators on each checkpoint as it appears, and returns the record of what they found.

    The record `follow.jsonl` in the workdir has a line a checkpoint, with the names of `metrics.jsonl`. It ends after
    the training's last step; interrupted and called again, it goes on behind the last line.

    Args:
        workdir: of the training, which has begun.
        data_dir: the dataset, see `data_root`.
        poll_seconds: how often to look for a new checkpoint.

    UserError for a folder without a training, and for one that holds nothing out to score on.
    """
    experiment = stored_experiment(workdir)
    data = experiment.data
    dataset = open_dataset(data_root(data_dir, data), data)
    held_out = HeldOut(test=dataset.held_out, validation=dataset.validation, gate=experiment.rule)
    regime = regime_of(experiment)
    epoch = regime.steps_per_epoch(training_sources(experiment, dataset), data)
    config = _at_each_checkpoint(experiment.train.in_steps(epoch))
    assert config.steps is not None
    of_tasks = regime.task_evaluators(config, held_out, data, stopped=lambda: False)
    evaluators = Evaluators(config, held_out, data=data, mesh=make_mesh(MeshConfig(data=1)), of_tasks=of_tasks)
    if not evaluators.due(config.steps):
        raise UserError(f"{workdir}: no evaluator of its config has scenes: set data.split to hold some out")
    path = workdir / RECORD
    after = _last_step(path)
    record = JsonLines(path, after + 1)
    try:
        for step, found in follow(workdir, evaluators, last_step=config.steps, poll_seconds=poll_seconds, after=after):
            numbers = evaluators.record(found)
            record.write(step, numbers)
            described = ", ".join(f"{name} {value:.3f}" for name, value in numbers.items())
            print(f"step {step} of {config.steps}: {described}", file=sys.stderr)
    finally:
        record.close()
    return path


def _at_each_checkpoint(config: TrainConfig) -> TrainConfig:
    evaluators = tuple(dataclasses.replace(one, every=1, every_epochs=None) for one in config.evaluators)
    return dataclasses.replace(config, evaluators=evaluators)


def _last_step(path: Path) -> int:
    """Returns the step of the last whole line, 0 if there is none."""
    steps = [0]
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            steps.append(json.loads(line)["step"])
        except (ValueError, KeyError, TypeError):
            continue  # half a line, of a process that was killed
    return max(steps)
