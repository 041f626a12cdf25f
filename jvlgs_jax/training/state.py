"""All that a training step changes, as one immutable tree."""

import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import no_type_check

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Int32

from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.model_folder import initialize
from jvlgs_jax.interop.parameters import flatten
from jvlgs_jax.models.batch_norm import BatchNorm
from jvlgs_jax.models.jvlgs import Jvlgs
from jvlgs_jax.training.mesh import on_one_device
from jvlgs_jax.training.variable_paths import matched_paths


@no_type_check  # JAX also builds it with shapes, shardings or None in place of arrays
@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainState:
    """A training after `step` batches.

    Attributes:
        step: batches seen.
        params: the parameters that are trained.
        frozen: the variables of the frozen parts, running statistics included.
        stats: all other variables: the running statistics of BatchNorm.
        opt_state: the optimizer's memory.
        ema: the running mean of `params` and `stats` together, or None. A batch moves the statistics of BatchNorm far
            (`models.batch_norm`), so those of the last batches do not suit a mean over hundreds of steps.
    """

    step: Int32[Array, ""]
    params: nnx.State
    frozen: nnx.State
    stats: nnx.State
    opt_state: optax.OptState
    ema: nnx.State | None


def variable_groups(frozen: Sequence[str]) -> tuple[nnx.filterlib.Filter, ...]:
    """Filters that split a model's variables into `params`, `frozen` and `stats` of a TrainState."""
    patterns = [re.compile(pattern) for pattern in frozen]

    def is_frozen(path: tuple, variable: object) -> bool:
        name = "/".join(map(str, path))
        return any(pattern.fullmatch(name) for pattern in patterns)

    return nnx.All(nnx.Param, nnx.Not(is_frozen)), is_frozen, ...


def create_state(
    model: Jvlgs, frozen: Sequence[str], optimizer: optax.GradientTransformation, *, ema: bool
) -> tuple[nnx.GraphDef, TrainState]:
    """Returns the structure of `model`, in training mode, and the state of a training that starts from it.

    A BatchNorm whose running statistics `frozen` matches normalises by them in training mode as well. The state has
    arrays of its own, so that steps may donate it. UserError for a pattern of `frozen` that matches no variable, and
    for one that leaves nothing to train.
    """
    matched = matched_paths(frozen, list(flatten(nnx.state(model))), "frozen")
    model.train()
    _keep_statistics(model, matched)
    graphdef, params, frozen_variables, stats = nnx.split(model, *variable_groups(frozen))
    if not jax.tree.leaves(params):
        raise UserError(f"frozen is {', '.join(map(repr, frozen))}, which leaves nothing to train: freeze less")
    params, frozen_variables, stats = jax.tree.map(jnp.copy, (params, frozen_variables, stats))
    state = TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        frozen=frozen_variables,
        stats=stats,
        opt_state=optimizer.init(params),
        ema=_copied(params, stats) if ema else None,
    )
    return graphdef, state


def materialize(build: Callable[[], TrainState], shardings: TrainState) -> TrainState:
    """Returns the state that `build` makes, each array straight in its shards: no device ever holds all of it.

    Its many initializers run once, so they are compiled without optimization, which takes a quarter of the time.
    """
    return jax.jit(build, out_shardings=shardings, compiler_options={"xla_backend_optimization_level": 0})()


def with_weights(
    graphdef: nnx.GraphDef, state: TrainState, frozen: Sequence[str], sources: Sequence[tuple[Path, str]]
) -> TrainState:
    """Returns `state` with the weights of model folders, or of ones of parts of the network, in place of its own.

    Of each folder in `sources` those are taken whose path matches its regular expression as a whole. UserError for a
    folder that does not fit, and for an array that two of them give.
    """
    model = nnx.merge(graphdef, state.params, state.frozen, state.stats, copy=True)
    givers: dict[str, Path] = {}
    for folder, only in sources:
        for path in initialize(model, folder, only):
            if path in givers:
                raise UserError(f"{givers[path]} and {folder} both give {path}: choose by train.init_only, or name one")
            givers[path] = folder
    _, *groups = nnx.split(model, *variable_groups(frozen))
    places = jax.tree.map(lambda x: x.sharding, (state.params, state.frozen, state.stats))
    params, frozen_variables, stats = jax.device_put(tuple(groups), places)
    ema = None if state.ema is None else _copied(params, stats)
    return dataclasses.replace(state, params=params, frozen=frozen_variables, stats=stats, ema=ema)


def trained_model(graphdef: nnx.GraphDef, state: TrainState) -> Jvlgs:
    """Returns the model of a state, in evaluation mode and with the running mean of its variables if there is one.

    Its arrays are the state's own, cut over devices as they are.
    """
    trained = (state.params, state.stats) if state.ema is None else (state.ema,)
    model = nnx.merge(graphdef, *trained, state.frozen, copy=True)
    model.eval()
    return model


def evaluation_model(graphdef: nnx.GraphDef, state: TrainState) -> Jvlgs:
    """Returns the same as `trained_model` with its arrays whole, on one device of each process."""
    return gathered_model(trained_model(graphdef, state))


def gathered_model(model: Jvlgs) -> Jvlgs:
    """Returns the model with its arrays whole, on one device of each process."""
    graphdef, state = nnx.split(model)
    return nnx.merge(graphdef, on_one_device(state))


def running_mean(mean: nnx.State | None, newest: nnx.State, decay: float | None) -> nnx.State | None:
    """Returns the mean moved towards the newest variables; counts, being whole numbers, are the newest."""
    if mean is None or decay is None:
        return None
    return jax.tree.map(
        lambda old, new: decay * old + (1 - decay) * new if jnp.issubdtype(new.dtype, jnp.floating) else new,
        mean,
        newest,
    )


def _keep_statistics(model: Jvlgs, frozen: set[str]) -> None:
    """Makes each BatchNorm whose mean or variance is among these paths normalise by what is kept, not by batches."""
    for path, module in nnx.iter_modules(model):
        name = "/".join(map(str, path))
        if isinstance(module, BatchNorm) and frozen & {f"{name}/mean", f"{name}/var"}:
            module.eval()


def _copied(params: nnx.State, stats: nnx.State) -> nnx.State:
    return jax.tree.map(jnp.copy, nnx.merge_state(params, stats))
