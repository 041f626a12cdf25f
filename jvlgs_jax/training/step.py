"""The training step: a pure, compiled function from a state and a batch to the next state and its metrics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.data.batches import Batch
from jvlgs_jax.data.planes import InputPlanes
from jvlgs_jax.data.prompts import PromptTokens
from jvlgs_jax.errors import UserError
from jvlgs_jax.models.jvlgs import Jvlgs
from jvlgs_jax.training.losses import LossFunction
from jvlgs_jax.training.optimizer import OptimizerConfig
from jvlgs_jax.training.precision import cast_parameters, compute_dtype
from jvlgs_jax.training.state import TrainState, variable_groups

Metrics = dict[str, Float[Array, ""]]
TrainStep = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]


@runtime_checkable
class TextFeatures(Protocol):
    """Where a step takes the features of the prompts from."""

    def __call__(self, model: Jvlgs) -> Float[Array, "p d"]:
        """Returns the features for a step of `model`; called inside the loss."""
        ...


@dataclass(frozen=True)
class TrainedPrompts:
    """Encodes the prompts in every step, so that the text encoder is trained."""

    tokens: PromptTokens

    def __call__(self, model: Jvlgs) -> Float[Array, "p d"]:
        """Encodes the prompts with the model of the step."""
        return model.encode_text(self.tokens)


@dataclass(frozen=True)
class CachedPrompts:
    """Holds features that were encoded once, by a text encoder that is frozen."""

    features: Float[np.ndarray, "p d"]  # in the host's memory, as the model's device need not be the step's

    def __call__(self, model: Jvlgs) -> Float[Array, "p d"]:
        """Returns the features that were computed at the start."""
        return jnp.asarray(self.features)


def text_features(model: Jvlgs, tokens: PromptTokens, frozen: Sequence[str]) -> TextFeatures:
    """Returns the cheapest features that are right: cached if all of the text encoder is frozen."""
    if trains_text(model, frozen):
        return TrainedPrompts(tokens)
    return CachedPrompts(np.asarray(nnx.jit(lambda model: model.encode_text(tokens))(model)))


def trains_text(model: Jvlgs, frozen: Sequence[str]) -> bool:
    """Tells if any of the text encoder is trained; `model` may hold shapes in place of arrays."""
    trained = nnx.to_flat_state(nnx.state(model, variable_groups(frozen)[0]))
    return any(path[0] == "text_encoder" for path, _ in trained)


def make_train_step(
    graphdef: nnx.GraphDef,
    *,
    shardings: TrainState,
    config: OptimizerConfig,
    optimizer: optax.GradientTransformation,
    loss: LossFunction,
    planes: InputPlanes,
    text: TextFeatures,
    precision: str = "float32",
) -> TrainStep:
    """Returns the compiled step for the model `graphdef`. The state that is passed to it is donated: use it no more.

    `shardings` says where the arrays of the state live, before and after. Parameters that are cut over devices are
    gathered once a step, for all micro-batches; their gradient and all that the optimizer does with it are cut again.
    With `precision` "bfloat16" the network computes in it, but for norms, softmax and sums over micro-batches; loss and
    optimizer compute in float32.

    The metrics are of the model before the step: `loss`, its terms `bce` and `iou`, and `gradient_norm` (before any
    limit). With micro-batches each is the mean over them, of the gradient too. UserError, when it is first called, for
    a batch that cannot be cut into equal micro-batches.
    """
    groups = variable_groups(config.frozen)
    whole, dtype = shardings.step, compute_dtype(precision)

    def loss_of(
        params: nnx.State, frozen: nnx.State, stats: nnx.State, batch: Batch
    ) -> tuple[Float[Array, ""], tuple[Metrics, nnx.State]]:
        # copy: BatchNorm changes its statistics in place
        model = nnx.merge(graphdef, params, frozen, stats, copy=True)
        output = model(planes.normalize(jnp.asarray(batch.planes)).astype(dtype), text(model))
        ignored = None if batch.ignored is None else jnp.asarray(batch.ignored)
        terms = loss(output.logits.astype(jnp.float32), jnp.asarray(batch.mask), ignored)
        metrics = {"loss": terms.total, "bce": terms.bce, "iou": terms.iou}
        return terms.total, (metrics, nnx.state(model, *groups)[-1])

    @partial(jax.jit, donate_argnames="state", out_shardings=(shardings, whole))
    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        # Cast before they are gathered: half the bytes to move.
        rounded = cast_parameters(state.params, dtype), cast_parameters(state.frozen, dtype)
        gathered = jax.lax.with_sharding_constraint(rounded, whole)

        def add(
            carried: tuple[nnx.State, nnx.State], micro_batch: Batch
        ) -> tuple[tuple[nnx.State, nnx.State], Metrics]:
            total, stats = carried
            gradients, (metrics, stats) = jax.grad(loss_of, has_aux=True)(*gathered, stats, micro_batch)
            total = jax.lax.with_sharding_constraint(jax.tree.map(jnp.add, total, gradients), shardings.params)
            return (total, stats), metrics

        zeros = jax.tree.map(jnp.zeros_like, state.params)
        if config.micro_batches == 1:
            # No loop of one turn: XLA leaves gradients of convolutions inside loops in a form 8 times slower on CPU.
            (total, stats), metrics = add((zeros, state.stats), batch)
        else:
            micro_batches = jax.tree.map(partial(_cut, count=config.micro_batches), batch)
            (total, stats), metrics = jax.lax.scan(add, (zeros, state.stats), micro_batches)
        gradients, metrics = jax.tree.map(lambda x: x / config.micro_batches, total), jax.tree.map(jnp.mean, metrics)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = cast(nnx.State, optax.apply_updates(state.params, updates))
        following = TrainState(
            step=state.step + 1,
            params=params,
            frozen=state.frozen,
            stats=stats,
            opt_state=opt_state,
            ema=_running_mean(state.ema, params, config.ema_decay),
        )
        return following, {**metrics, "gradient_norm": optax.tree.norm(gradients)}

    return train_step


def _running_mean(mean: nnx.State | None, params: nnx.State, decay: float | None) -> nnx.State | None:
    if mean is None or decay is None:
        return None
    return cast(nnx.State, optax.incremental_update(params, mean, 1 - decay))


def _cut(rows: Array, count: int) -> Array:
    """Cuts a batch into `count` micro-batches, of which the k-th takes every count-th row from row k on.

    So each device has its share of each micro-batch already, where runs of rows would have to move between devices.
    """
    if rows.shape[0] % count:
        raise UserError(
            f"train.optimizer.micro_batches is {count}, but a batch has {rows.shape[0]} clips: "
            f"make data.batch_size a multiple of {count}"
        )
    return jnp.swapaxes(rows.reshape(-1, count, *rows.shape[1:]), 0, 1)
