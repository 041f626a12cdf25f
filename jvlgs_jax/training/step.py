"""The training step: a pure, compiled function from a state and a batch to the next state and its metrics."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import jax
import optax
from flax import nnx

from jvlgs_jax.data.batches import Batch
from jvlgs_jax.data.planes import InputPlanes
from jvlgs_jax.training.gradients import BatchLoss, Metrics, batch_gradients
from jvlgs_jax.training.losses import LossFunction
from jvlgs_jax.training.optimizer import OptimizerConfig
from jvlgs_jax.training.precision import compute_dtype
from jvlgs_jax.training.state import TrainState, running_mean
from jvlgs_jax.training.text_features import TextFeatures

TrainStep = Callable[[TrainState, Any], tuple[TrainState, Metrics]]  # of a batch as the training's regime makes them


@dataclass(frozen=True, kw_only=True)
class StepParts:
    """What a training step is made of, whatever it learns from.

    Attributes:
        graphdef: structure of the network.
        shardings: where the arrays of the state live, before and after; rows of a batch are shared by all devices of
            that mesh. Where parameters are cut, so are their gradient and all that the optimizer does with it.
        config: what is frozen, averaged and cut into micro-batches.
        optimizer: how parameters are changed, made of `config`.
        loss: what is made small.
        planes: what the network's input is.
        text: where the features of the prompts come from.
        precision: with "bfloat16" the network computes in it, but for norms and softmax; loss, sums over micro-batches
            and devices, and optimizer are float32.
    """

    graphdef: nnx.GraphDef
    shardings: TrainState
    config: OptimizerConfig
    optimizer: optax.GradientTransformation
    loss: LossFunction
    planes: InputPlanes
    text: TextFeatures
    precision: str = "float32"


def make_train_step(parts: StepParts) -> TrainStep:
    """Returns the compiled step on batches of clips. The state that is passed to it is donated: use it no more.

    The metrics are of the model before the step: `loss`, its terms `bce` and `iou`, and `gradient_norm` (before any
    limit). With micro-batches each is the mean over them, of the gradient too. UserError, when it is first called, for
    a batch that cannot be cut into equal micro-batches.
    """
    batch_loss = BatchLoss(
        graphdef=parts.graphdef,
        frozen=parts.config.frozen,
        loss=parts.loss,
        planes=parts.planes,
        text=parts.text,
        dtype=compute_dtype(parts.precision),
    )
    gradients_of = batch_gradients(batch_loss, parts.shardings, parts.config.micro_batches)

    @partial(jax.jit, donate_argnames="state", out_shardings=(parts.shardings, parts.shardings.step))
    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        gradients, stats, metrics = gradients_of(state, batch)
        updates, opt_state = parts.optimizer.update(gradients, state.opt_state, state.params)
        params = cast(nnx.State, optax.apply_updates(state.params, updates))
        following = TrainState(
            step=state.step + 1,
            params=params,
            frozen=state.frozen,
            stats=stats,
            opt_state=opt_state,
            ema=running_mean(state.ema, nnx.merge_state(params, stats), parts.config.ema_decay),
        )
        return following, {**metrics, "gradient_norm": optax.tree.norm(gradients)}

    return train_step
