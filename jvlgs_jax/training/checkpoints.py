"""The checkpoints of a training: all that is needed to go on exactly, or to use the model as it is."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import grain
import jax
import numpy as np
from flax import nnx
from orbax.checkpoint import v1 as ocp

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.replacement import replacement
from jvlgs_jax.interop.model_folder import (
    DESCRIPTION,
    FORMAT,
    ModelBundle,
    abstract_model,
    bundle_of,
    check_arrays,
    describe_use,
    read_description,
)
from jvlgs_jax.interop.parameters import flatten, replace
from jvlgs_jax.training.state import TrainState

FOLDER = "checkpoints"
STATE, DATA = "state", "data"


class Checkpoints:
    """The last few checkpoints of one training, in the folder `checkpoints` of its workdir.

    A checkpoint appears whole or not at all: it is written under a temporary name, which is never read.
    """

    def __init__(self, workdir: Path, bundle: ModelBundle, *, keep: int) -> None:
        """Opens the checkpoints of a training of `bundle` and keeps the last `keep` of them.

        UserError if the workdir holds the training of another network, prompts or input.
        """
        if keep < 1:
            raise UserError(f"keep is {keep}, the least is 1: training resumes from the last checkpoint")
        self._folder = (workdir / FOLDER).absolute()
        self._folder.mkdir(parents=True, exist_ok=True)
        _describe(self._folder, bundle)
        self._checkpointer = ocp.training.Checkpointer(
            str(self._folder),
            preservation_policy=ocp.training.preservation_policies.LatestN(keep),  # pyrefly: ignore[bad-argument-type]
        )

    def save(self, step: int, state: TrainState, data: grain.DatasetIterator) -> None:
        """Saves the state that has seen `step` batches and the iterator that will give the next one."""
        self._checkpointer.save_checkpointables(step, {STATE: state, DATA: data}, force=True)

    @property
    def latest(self) -> int | None:
        """The last saved step, if any."""
        latest = self._checkpointer.latest
        return None if latest is None else latest.step

    def restore(self, state: TrainState, data: grain.DatasetIterator) -> TrainState:
        """Returns the latest saved state, in the shape of `state`, and moves `data` to its place.

        UserError if the config's state has another shape.
        """
        return _restore(self._checkpointer, state, data)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._checkpointer.close()


def restore_from(workdir: Path, state: TrainState, data: grain.DatasetIterator) -> TrainState:
    """Goes on from the latest checkpoint of another training; UserError if it has none that fits."""
    with ocp.training.Checkpointer(str(_existing(workdir))) as checkpointer:
        if checkpointer.latest is None:
            raise UserError(f"{workdir}: holds no checkpoint: let that training reach one, or train from scratch")
        return _restore(checkpointer, state, data)


def load_bundle(workdir: Path) -> ModelBundle:
    """Returns the model of a training's latest checkpoint, in evaluation mode, with the mean weights if it keeps them.

    UserError for a folder without a checkpoint.
    """
    folder = _existing(workdir)
    with ocp.training.Checkpointer(str(folder)) as checkpointer:
        if checkpointer.latest is None:
            raise UserError(f"{workdir}: holds no checkpoint yet: let the training reach one")
        arrays = _model_arrays(checkpointer)
    description = read_description(folder)
    graphdef, state = nnx.split(abstract_model(description["config"]))
    check_arrays(str(folder), flatten(state), arrays)
    model = nnx.merge(graphdef, replace(state, arrays))
    model.eval()
    return bundle_of(model, description)


def _existing(workdir: Path) -> Path:
    folder = (workdir / FOLDER).absolute()
    if not folder.is_dir():
        raise UserError(f"{workdir}: not the workdir of a training ({FOLDER}/ is missing): give one, or a model folder")
    return folder


def _describe(folder: Path, bundle: ModelBundle) -> None:
    """Writes what the weights belong to, or checks that it is the same as before."""
    path = folder / DESCRIPTION
    if path.exists():
        earlier = read_description(folder)
        if earlier["config"] != bundle.model.config or bundle_of(bundle.model, earlier) != bundle:
            raise UserError(
                f"{folder.parent}: holds a training with another network, prompts or input: use a new workdir"
            )
        return
    config = dataclasses.asdict(bundle.model.config)
    description = {"format": FORMAT, "part": "model", "config": config, **describe_use(bundle)}
    with replacement(path) as partial:
        partial.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def _restore(checkpointer: ocp.training.Checkpointer, state: TrainState, data: grain.DatasetIterator) -> TrainState:
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state)
    try:
        return checkpointer.load_checkpointables(None, {STATE: shapes, DATA: data})[STATE]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{checkpointer.directory}: the last checkpoint does not fit this config, "
            "for example its train.optimizer: use the config of that training, or a new workdir"
        ) from error


def _model_arrays(checkpointer: ocp.training.Checkpointer) -> dict[str, np.ndarray]:
    """Reads the model's variables alone, without the optimizer's memory, by path."""
    saved = cast(Mapping[str, Any], checkpointer.metadata().metadata)
    groups = ("params" if saved["ema"] is None else "ema", "frozen", "stats")
    place = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    shapes = {
        group: jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), saved[group])
        for group in groups
    }
    context = ocp.Context()
    context.pytree.loading.partial_load = True
    with context:
        loaded = checkpointer.load_checkpointables(None, {STATE: shapes})[STATE]
    return {path: np.asarray(array) for group in loaded.values() for path, array in _paths(group)}


def _paths(tree: Mapping[str, Any]) -> list[tuple[str, jax.Array]]:
    """Flattens nested mappings to paths such as "decoder/head/kernel"; Orbax ends each in the key "value"."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return [("/".join(str(key.key) for key in path[:-1]), leaf) for path, leaf in leaves]
