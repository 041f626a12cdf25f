"""The checkpoints of a training: all that is needed to go on exactly, or to use the model as it is."""

import dataclasses
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
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
from jvlgs_jax.models.jvlgs import Jvlgs
from jvlgs_jax.training.processes import is_first, wait_for_all
from jvlgs_jax.training.restoring import DATA, READING_ERRORS, STATE, restore_newest
from jvlgs_jax.training.state import TrainState

FOLDER = "checkpoints"
QUALITY = "quality.json"


class Checkpoints:
    """The checkpoints of one training, in the folder `checkpoints` of its workdir: the last few and the best.

    A checkpoint appears whole or not at all: it is written under a temporary name, which is never read. It is written
    while the training goes on; leaving the context waits for it. All processes of a training save and restore together.
    One that is not to be used is kept as STEP.damaged or STEP.diverged, which are never read either.
    """

    def __init__(
        self, workdir: Path, bundle: ModelBundle, *, keep: int, about: Mapping[str, Any] | None = None
    ) -> None:
        """Opens the checkpoints of a training of `bundle` and keeps the last `keep` of them, and the best if any.

        `about` is stored with each checkpoint, as JSON: the "experiment" and the version of the code.

        UserError if the workdir holds the training of another network, prompts or input.
        """
        self._folder = (workdir / FOLDER).absolute()
        if is_first():
            self._folder.mkdir(parents=True, exist_ok=True)
            _describe(self._folder, bundle)
        self._about = dict(about or {})
        self._bundle = bundle
        self._keep = _LastAndBest(keep, _qualities(self._folder / QUALITY))
        wait_for_all(f"{FOLDER} are described")  # before the first process writes the next quality
        self._checkpointer = ocp.training.Checkpointer(
            str(self._folder), preservation_policy=self._keep, cleanup_tmp_directories=True
        )

    def save(self, step: int, state: TrainState, data: grain.DatasetIterator) -> None:
        """Starts to save the state that has seen `step` batches and the iterator that will give the next one.

        It returns once the arrays are copied, so that the state may be donated; an error in writing is raised by the
        next call, or at the end.
        """
        self._checkpointer.save_checkpointables_async(
            step, {STATE: state, DATA: data}, force=True, custom_metadata=self._about
        )

    def rate(self, step: int, quality: float) -> None:
        """Says how good the state of a step is, saved or about to be: the best saved one is kept."""
        self._keep.qualities[step] = quality
        if is_first():
            with replacement(self._folder / QUALITY) as partial:
                partial.write_text(json.dumps(self._keep.qualities), encoding="utf-8")

    def wait(self) -> None:
        """Returns once all that was saved is on disk."""
        self._checkpointer.wait()

    @property
    def experiment(self) -> Mapping[str, Any] | None:
        """The experiment that is stored with each checkpoint, as JSON; None if it is not known."""
        return self._about.get("experiment")

    @property
    def latest(self) -> int | None:
        """The last saved step, if any."""
        latest = self._checkpointer.latest
        return None if latest is None else latest.step

    @property
    def best(self) -> int | None:
        """The saved step of the highest quality, if any has one; the later of two equal ones."""
        return self._keep.best([one.step for one in self._checkpointer.checkpoints])

    def restore(self, state: TrainState, data: grain.DatasetIterator) -> TrainState:
        """Returns the latest whole state, in the shape of `state`, and moves `data` to its place.

        Later checkpoints, which are damaged, are set aside. See `restore_newest` for errors.
        """
        self.wait()
        step, restored = restore_newest(self._checkpointer, state, data, self.experiment)
        self._set_aside([one.step for one in self._checkpointer.checkpoints if one.step > step], "damaged")
        return restored

    def give_up(self, step: int) -> None:
        """Sets the checkpoint of a step aside, if there is one, as its model has turned out to be of no use."""
        self.wait()
        self._set_aside([one.step for one in self._checkpointer.checkpoints if one.step == step], "diverged")

    def bundle(self, step: int) -> ModelBundle:
        """Returns the model of a saved step as `load_bundle` does."""
        return dataclasses.replace(
            self._bundle, model=_model(self._folder, self._bundle.model, self._checkpointer, step)
        )

    def _set_aside(self, steps: Sequence[int], reason: str) -> None:
        if is_first():
            for step in steps:
                self._keep.qualities.pop(step, None)
                aside = self._folder / f"{step}.{reason}"
                shutil.rmtree(aside, ignore_errors=True)
                (self._folder / str(step)).rename(aside)
        wait_for_all(f"{steps} are {reason}")
        self._checkpointer.reload()

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._checkpointer.close()


class _LastAndBest:
    """Orbax's policy of what to keep: the last few steps and the best."""

    def __init__(self, last: int, qualities: dict[int, float]) -> None:
        self._last, self.qualities = last, qualities

    def best(self, steps: Sequence[int]) -> int | None:
        rated = [step for step in steps if step in self.qualities]
        return max(rated, key=lambda step: (self.qualities[step], step), default=None)

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        steps = [checkpoint.step for checkpoint in checkpoints]
        kept = {*sorted(steps)[-self._last :], self.best(steps)}
        return [step in kept for step in steps]


def _qualities(path: Path) -> dict[int, float]:
    if not path.exists():
        return {}
    try:
        return {int(step): float(quality) for step, quality in json.loads(path.read_text(encoding="utf-8")).items()}
    except (ValueError, TypeError, AttributeError) as error:
        if is_first():
            print(f"{path}: cannot be read ({error}): the best checkpoint is chosen anew from here on", file=sys.stderr)
        return {}


def restore_from(
    workdir: Path, state: TrainState, data: grain.DatasetIterator, experiment: Mapping[str, Any] | None = None
) -> TrainState:
    """Goes on from the latest whole checkpoint of another training; see `restore_newest` for errors."""
    with ocp.training.Checkpointer(str(_existing(workdir))) as checkpointer:
        if checkpointer.latest is None:
            raise UserError(f"{workdir}: holds no checkpoint: let that training reach one, or train from scratch")
        return restore_newest(checkpointer, state, data, experiment)[1]


def checkpoint_steps(workdir: Path) -> list[int]:
    """Returns the steps of a training's complete checkpoints, in order; none if it has not begun."""
    folder = workdir / FOLDER
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal()) if folder.is_dir() else []


def load_bundle(workdir: Path, step: int | None = None) -> ModelBundle:
    """Returns the model of a training's checkpoint, in evaluation mode, with the mean weights if it keeps them.

    It may be read while the training goes on. UserError for a folder without the checkpoint of `step`; None is the
    latest.
    """
    folder = _existing(workdir)
    with ocp.training.Checkpointer(str(folder)) as checkpointer:
        steps = [one.step for one in checkpointer.checkpoints]
        if not steps:
            raise UserError(f"{workdir}: holds no checkpoint yet: let the training reach one")
        step = steps[-1] if step is None else step
        if step not in steps:
            raise UserError(f"{workdir}: holds no checkpoint of step {step}: there are {', '.join(map(str, steps))}")
        description = read_description(folder)
        model = _model(folder, abstract_model(description["config"]), checkpointer, step)
    return bundle_of(model, description)


def _existing(workdir: Path) -> Path:
    folder = (workdir / FOLDER).absolute()
    if not folder.is_dir():
        raise UserError(f"{workdir}: not the workdir of a training ({FOLDER}/ is missing): give one, or a model folder")
    return folder


def _describe(folder: Path, bundle: ModelBundle) -> None:
    """Writes what the weights belong to, and checks that but for the rule it is the same as before."""
    path = folder / DESCRIPTION
    if path.exists():
        earlier = read_description(folder)
        before = bundle_of(bundle.model, earlier)
        if earlier["config"] != bundle.model.config or dataclasses.replace(before, rule=bundle.rule) != bundle:
            raise UserError(
                f"{folder.parent}: holds a training with another network, prompts or input: use a new workdir"
            )
        if before.rule == bundle.rule:
            return
    config = dataclasses.asdict(bundle.model.config)
    description = {"format": FORMAT, "part": "model", "config": config, **describe_use(bundle)}
    with replacement(path) as partial:
        partial.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def _model(folder: Path, abstract: Jvlgs, checkpointer: ocp.training.Checkpointer, step: int) -> Jvlgs:
    """Returns the model of a step, in evaluation mode and on one device of each process."""
    try:
        arrays = _model_arrays(checkpointer, step)
    except READING_ERRORS as error:  # the training may delete it meanwhile
        raise UserError(f"{folder / str(step)}: cannot be read ({error}): use another checkpoint") from error
    graphdef, state = nnx.split(abstract)
    check_arrays(str(folder), flatten(state), arrays)
    model = nnx.merge(graphdef, replace(state, arrays))
    model.eval()
    return model


def _model_arrays(checkpointer: ocp.training.Checkpointer, step: int) -> dict[str, np.ndarray]:
    """Reads the model's variables alone, without the optimizer's memory, by path."""
    saved = cast(Mapping[str, Any], checkpointer.metadata(step).metadata)
    groups = ("params", "stats", "frozen") if saved["ema"] is None else ("ema", "frozen")
    place = jax.sharding.NamedSharding(jax.make_mesh((jax.device_count(),), ("all",)), jax.sharding.PartitionSpec())
    shapes = {
        group: jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), saved[group])
        for group in groups
    }
    context = ocp.Context()
    context.pytree.loading.partial_load = True
    with context:
        loaded = checkpointer.load_checkpointables(step, {STATE: shapes})[STATE]
    return {path: np.asarray(array) for group in loaded.values() for path, array in _paths(group)}


def _paths(tree: Mapping[str, Any]) -> list[tuple[str, jax.Array]]:
    """Flattens nested mappings to paths such as "decoder/head/kernel"; Orbax ends each in the key "value"."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return [("/".join(str(key.key) for key in path[:-1]), leaf) for path, leaf in leaves]
