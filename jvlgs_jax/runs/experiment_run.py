"""One experiment in its workdir: its data is opened, the model trained and scored, and what it was is kept."""

import json
import os
from pathlib import Path

from flax import nnx

from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.data.clip_source import TrainingSource
from jvlgs_jax.data.dataset import DividedDataset, open_dataset
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.errors import UserError
from jvlgs_jax.experiment import Experiment, from_config_dict
from jvlgs_jax.fewshot.meta_training import MetaTraining
from jvlgs_jax.inference.replacement import replacement
from jvlgs_jax.models.jvlgs import Jvlgs
from jvlgs_jax.simulation.training_source import simulation_sources
from jvlgs_jax.training.evaluators.findings import HeldOut
from jvlgs_jax.training.loop import train
from jvlgs_jax.training.outcome import JudgedModel
from jvlgs_jax.training.processes import is_first
from jvlgs_jax.training.regime import Regime, Supervised

CONFIG = "config.json"
FINISHED = "finished.json"  # the experiment once more, written when all the rest was
DATA_DIR_VARIABLE = "JVLGS_DATA_DIR"


def run_experiment(
    experiment: Experiment, workdir: Path, *, data_dir: Path | None = None, profile: range = range(0)
) -> list[JudgedModel]:
    """Trains or meta-trains what the experiment says in `workdir`, or goes on there; see `training.loop.train`.

    Args:
        experiment: from a config.
        workdir: the training's folder, made if it is missing; the experiment is stored in it, once it is known to fit
            what is there.
        data_dir: the dataset, see `data_root`.
        profile: steps of which a trace is recorded.
    """
    dataset = open_dataset(data_root(data_dir, experiment.data), experiment.data)

    def begun() -> None:
        if is_first():
            _store(experiment, workdir / CONFIG)

    judged = train(
        lambda: Jvlgs(experiment.model, rngs=nnx.Rngs(experiment.seed)),
        experiment.prompts,
        training_sources(experiment, dataset),
        HeldOut(test=dataset.held_out, validation=dataset.validation, gate=experiment.rule),
        data=experiment.data,
        config=experiment.train,
        seed=experiment.seed,
        workdir=workdir,
        regime=regime_of(experiment),
        about=json.loads(experiment.to_json()),
        profile=profile,
        begun=begun,
    )
    if judged and is_first():
        _store(experiment, workdir / FINISHED)
    return judged


def training_sources(experiment: Experiment, dataset: DividedDataset) -> list[TrainingSource]:
    """Returns what the clips of an experiment are drawn from, of which the first says how long an epoch is."""
    simulated = simulation_sources(experiment.simulated, input_planes(experiment.data.planes))
    return [*dataset.training, *simulated]


def regime_of(experiment: Experiment) -> Regime:
    """Returns what a step of the experiment learns from, and how."""
    return Supervised() if experiment.meta is None else MetaTraining(experiment.meta)


def data_root(chosen: Path | None, config: DataConfig) -> Path | None:
    """Returns the folder of the data: the one chosen, else that of the environment, else the config's.

    None for a config that trains on nothing on disk, whatever the environment says; UserError if one is chosen then.
    """
    if config.root is None:
        if chosen is not None:
            raise UserError(f"--data-dir is {chosen}, but the config sets data.root to None: leave one of them out")
        return None
    return chosen or Path(os.environ.get(DATA_DIR_VARIABLE) or config.root)


def is_finished(workdir: Path, experiment: Experiment) -> bool:
    """Whether `run_experiment` has carried out this very experiment in `workdir`, to the end."""
    path = workdir / FINISHED
    return path.is_file() and path.read_text(encoding="utf-8") == experiment.to_json()


def stored_experiment(workdir: Path) -> Experiment:
    """Returns the experiment of a training, begun or finished; UserError for a folder without one."""
    path = workdir / CONFIG
    if not path.is_file():
        raise UserError(f"{workdir}: not the workdir of a training ({CONFIG} is missing): start the training first")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: damaged ({error}): run the training again") from error
    return from_config_dict(stored)


def _store(experiment: Experiment, path: Path) -> None:
    with replacement(path) as partial:
        partial.write_text(experiment.to_json(), encoding="utf-8")
