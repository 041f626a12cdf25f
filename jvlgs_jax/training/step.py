"""The training step: a pure, compiled function from a state and a batch to the next state and its metrics."""

from collections.abc import Callable
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

    `shardings` says where the arrays of the state live, before and after; rows of a batch are shared by all devices of
    that mesh. Where parameters are cut, so are their gradient and all that the optimizer does with it. With `precision`
    "bfloat16" the network computes in it, but for norms and softmax; loss, sums over micro-batches and devices, and
    optimizer are float32.

    The metrics are of the model before the step: `loss`, its terms `bce` and `iou`, and `gradient_norm` (before any
    limit). With micro-batches each is the mean over them, of the gradient too. UserError, when it is first called, for
    a batch that cannot be cut into equal micro-batches.
    """
    batch_loss = BatchLoss(
        graphdef=graphdef,
        frozen=config.frozen,
        loss=loss,
        planes=planes,
        text=text,
        dtype=compute_dtype(precision),
    )
    gradients_of = batch_gradients(batch_loss, shardings, config.micro_batches)

    @partial(jax.jit, donate_argnames="state", out_shardings=(shardings, shardings.step))
    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        gradients, stats, metrics = gradients_of(state, batch)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = cast(nnx.State, optax.apply_updates(state.params, updates))
        following = TrainState(
            step=state.step + 1,
            params=params,
            frozen=state.frozen,
            stats=stats,
            opt_state=opt_state,
            ema=running_mean(state.ema, nnx.merge_state(params, stats), config.ema_decay),
        )
        return following, {**metrics, "gradient_norm": optax.tree.norm(gradients)}

    return train_step
