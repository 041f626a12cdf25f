"""The gradient of a batch: each device works on its own rows, and float32 sums over the devices bring it together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from jvlgs_jax.data.batches import Batch
from jvlgs_jax.data.planes import InputPlanes
from jvlgs_jax.errors import UserError
from jvlgs_jax.training.losses import LossFunction
from jvlgs_jax.training.mesh import DATA, FSDP, summed_over_devices
from jvlgs_jax.training.precision import TEXT_ENCODER, cast_parameters
from jvlgs_jax.training.state import TrainState, variable_groups
from jvlgs_jax.training.text_features import TextFeatures
from jvlgs_jax.training.variable_paths import variable_path

Metrics = dict[str, Float[Array, ""]]
BatchGradients = Callable[[TrainState, Batch], tuple[nnx.State, nnx.State, Metrics]]

_DEVICES = (DATA, FSDP)


@dataclass(frozen=True, kw_only=True)
class BatchLoss:
    """The loss of a model on a batch, as a function of its variables; computes in `dtype`, the loss itself in float32.

    Inside `shard_map` each device calls it with its own rows, and the loss is that of all.
    """

    graphdef: nnx.GraphDef
    frozen: Sequence[str]
    loss: LossFunction
    planes: InputPlanes
    text: TextFeatures
    dtype: jnp.dtype

    def __call__(
        self, params: nnx.State, frozen: nnx.State, stats: nnx.State, batch: Batch
    ) -> tuple[Float[Array, ""], tuple[Metrics, nnx.State]]:
        """Returns the loss, its terms by name and the running statistics after the batch."""
        # copy: BatchNorm changes its statistics in place
        model = nnx.merge(self.graphdef, params, frozen, stats, copy=True)
        # One message, of the features' gradient, spares those of the text encoder's.
        text = jax.lax.pcast(self.text(model), _DEVICES, to="varying")
        output = model(self.planes.normalize(jnp.asarray(batch.planes)).astype(self.dtype), text)
        ignored = None if batch.ignored is None else jnp.asarray(batch.ignored)
        terms = self.loss(output.logits.astype(jnp.float32), jnp.asarray(batch.mask), ignored)
        metrics = {"loss": terms.total, "bce": terms.bce, "iou": terms.iou}
        return terms.total, (metrics, nnx.state(model, *variable_groups(self.frozen))[-1])


def batch_gradients(loss: BatchLoss, shardings: TrainState, micro_batches: int) -> BatchGradients:
    """Returns the function, to be compiled in a step, from a state and a batch to gradient, statistics and metrics.

    Parameters that are cut over devices are gathered once, for all micro-batches. Each device adds the gradients of its
    rows in float32; what it sends to the others is the sum, once, and what it keeps is cut like its parameters. With
    micro-batches, gradient and metrics are means over them.
    """
    whole, rows = PartitionSpec(), PartitionSpec(_DEVICES)
    gradient_of = jax.grad(loss, has_aux=True)

    def of_own_rows(
        params: nnx.State, frozen: nnx.State, stats: nnx.State, batch: Batch
    ) -> tuple[nnx.State, nnx.State, Metrics]:
        variables = _own_copy(params), _own_copy(frozen)
        if micro_batches == 1:
            # No loop of one turn: XLA leaves gradients of convolutions inside loops in a form 8 times slower on CPU.
            gradient, (metrics, stats) = gradient_of(*variables, stats, batch)
            return _over_devices(gradient, shardings.params), stats, metrics

        def add(
            carried: tuple[nnx.State, nnx.State], micro_batch: Batch
        ) -> tuple[tuple[nnx.State, nnx.State], Metrics]:
            total, stats = carried
            gradient, (metrics, stats) = gradient_of(*variables, stats, micro_batch)
            return (jax.tree.map(jnp.add, total, gradient), stats), metrics

        zeros = jax.tree.map(partial(jnp.zeros_like, dtype=jnp.float32), variables[0])
        cut = jax.tree.map(partial(_cut, count=micro_batches), batch)
        (total, stats), metrics = jax.lax.scan(add, (zeros, stats), cut)
        mean = jax.tree.map(lambda x: x / micro_batches, _over_devices(total, shardings.params))
        return mean, stats, jax.tree.map(jnp.mean, metrics)

    place = shardings.step
    assert isinstance(place, NamedSharding)
    on_each_device = jax.shard_map(
        of_own_rows,
        mesh=place.mesh,
        in_specs=(whole, whole, whole, rows),
        out_specs=(_gradient_specs(shardings.params), whole, whole),
    )

    def gradients(state: TrainState, batch: Batch) -> tuple[nnx.State, nnx.State, Metrics]:
        # Cast before they are gathered: half the bytes to move.
        params, frozen = jax.lax.with_sharding_constraint(
            (cast_parameters(state.params, loss.dtype), cast_parameters(state.frozen, loss.dtype)), place
        )
        gradient, stats, metrics = on_each_device(params, frozen, state.stats, batch)
        return jax.lax.with_sharding_constraint(gradient, shardings.params), stats, metrics

    return gradients


# Every device encodes the same prompts: it has no copy of its own of the text encoder, and the gradient of that is the
# sum over devices from the features on.


def _own_copy(variables: nnx.State) -> nnx.State:
    """Marks all but the text encoder's as each device's own, so that their gradients are of its rows alone."""

    def own(path: tuple, x: Array) -> Array:
        return x if _is_shared(path) else jax.lax.pcast(x, _DEVICES, to="varying")

    return jax.tree_util.tree_map_with_path(own, variables)


def _over_devices(gradient: nnx.State, places: nnx.State) -> nnx.State:
    """Sums over devices what is each one's own; what is cut in `places` comes out cut."""

    def summed(path: tuple, x: Array, place: NamedSharding) -> Array:
        x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        return x if _is_shared(path) else summed_over_devices(x, place)

    return jax.tree_util.tree_map_with_path(summed, gradient, places)


def _gradient_specs(places: nnx.State) -> nnx.State:
    """How `_over_devices` leaves the gradient cut."""

    def spec(path: tuple, place: NamedSharding) -> PartitionSpec:
        return PartitionSpec() if _is_shared(path) else place.spec

    return jax.tree_util.tree_map_with_path(spec, places)


def _is_shared(path: tuple) -> bool:
    return variable_path(path).startswith(f"{TEXT_ENCODER}/")


def _cut(rows: Array, count: int) -> Array:
    """Cuts a device's rows into `count` micro-batches, of which the k-th takes every count-th row from row k on."""
    if rows.shape[0] % count:
        raise UserError(
            f"train.optimizer.micro_batches is {count}, but a batch has {rows.shape[0]} clips on a device: "
            f"make data.batch_size a multiple of {count} times the devices"
        )
    return jnp.swapaxes(rows.reshape(-1, count, *rows.shape[1:]), 0, 1)
