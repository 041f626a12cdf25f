"""Going on from the newest checkpoint that is whole: damaged ones are passed over, another training's are refused."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grain
import jax
from orbax.checkpoint import v1 as ocp

from jvlgs_jax.errors import UserError
from jvlgs_jax.training.processes import gathered, is_first
from jvlgs_jax.training.same_data import check_same_data
from jvlgs_jax.training.state import TrainState

STATE, DATA = "state", "data"  # the parts of a checkpoint
READING_ERRORS = (OSError, ValueError, KeyError, TypeError)  # what Orbax raises for files that are cut off or missing
_MOST_SHOWN = 120  # characters of a reason


def restore_newest(
    checkpointer: ocp.training.Checkpointer,
    state: TrainState,
    data: grain.DatasetIterator,
    experiment: Mapping[str, Any] | None,
) -> tuple[int, TrainState]:
    """Returns the newest whole checkpoint's step and its state, in the shape of `state`, and moves `data` to its place.

    A checkpoint that cannot be read, as a power cut or half a copy leaves it, is passed over with a line on the screen.

    UserError where none can be read, where the config's state has another shape, and where `experiment`, as JSON,
    trains on other data than the saved one.
    """
    checkpoints, reason = Path(checkpointer.directory), ""
    for step in [one.step for one in reversed(checkpointer.checkpoints)]:
        folder = checkpoints / str(step)
        saved = _metadata(checkpointer, step)
        if saved is not None:
            about = saved.custom_metadata or {}
            check_same_data(checkpoints.parent, about.get("experiment"), experiment)
        restored = None
        try:
            restored, failure = _load(checkpointer, step, state, data), ""
        except READING_ERRORS as error:
            if saved is not None and saved.metadata is not None and _shapes(saved.metadata) != _shapes(state):
                raise UserError(
                    f"{folder}: does not fit this config, for example its train.optimizer: "
                    "use the config of that training, or a new workdir"
                ) from error
            failure = _first_cause(error) or type(error).__name__
        reasons = [message.decode() for message in gathered(failure.encode())]  # one process may fail alone
        reason = next(filter(None, reasons), "")
        if restored is not None and not reason:
            return step, restored
        if is_first():
            print(f"{folder}: cannot be read ({reason}): passed over", file=sys.stderr)
    raise UserError(
        f"{checkpoints}: no checkpoint can be read ({reason}): bring one back from a copy, or use a new workdir"
    )


def _metadata(checkpointer: ocp.training.Checkpointer, step: int) -> Any:
    """Returns what a checkpoint says of itself; None where it does not."""
    try:
        return checkpointer.metadata(step)
    except READING_ERRORS:
        return None


def _load(
    checkpointer: ocp.training.Checkpointer, step: int, state: TrainState, data: grain.DatasetIterator
) -> TrainState:
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state)
    checkpointer.load_checkpointables(step, {DATA: data})  # first, alone: it is small and fails at once
    return checkpointer.load_checkpointables(step, {STATE: shapes})[STATE]


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    """Returns the shape of each array of a state, or of what a checkpoint says of one, by path."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): tuple(leaf.shape) for path, leaf in leaves}


def _first_cause(error: BaseException) -> str:
    """Returns the beginning of the message of the error that caused all others."""
    while (cause := error.__cause__ or error.__context__) is not None and str(cause):
        error = cause
    return " ".join(str(error).split())[:_MOST_SHOWN]
