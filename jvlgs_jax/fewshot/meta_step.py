"""The step of a meta-training: from a state and a batch of tasks to the next state, as the main loop takes it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Int, PyTree

from jvlgs_jax.data.episodes import Episode
from jvlgs_jax.fewshot import outer_loop
from jvlgs_jax.fewshot.meta_learners import MetaLearner, MetaParameters, Metrics, Task, TaskGradient
from jvlgs_jax.fewshot.task_loss import TaskLoss, trains_encoder
from jvlgs_jax.models.global_batch import each_device_alone
from jvlgs_jax.training.mesh import DATA, FSDP
from jvlgs_jax.training.precision import compute_dtype
from jvlgs_jax.training.state import TrainState, running_mean
from jvlgs_jax.training.step import StepParts

_DEVICES = (DATA, FSDP)


class MetaMemory(NamedTuple):
    """What a meta-training remembers beside the start, which is the state's `params`."""

    rates: PyTree | None  # learned step sizes, see `MetaParameters`
    optimizer: optax.OptState  # of both


def with_rates(learner: MetaLearner, optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    """Returns the optimizer with a memory that also holds the step sizes that the learner learns."""

    def init(params: optax.Params) -> MetaMemory:
        meta = learner.begin(params)
        return MetaMemory(meta.rates, optimizer.init(cast(optax.Params, meta)))

    return optax.GradientTransformation(cast(optax.TransformInitFn, init), optimizer.update)


def make_meta_step(
    learner: MetaLearner, parts: StepParts, *, abreast: int
) -> Callable[[TrainState, Episode], tuple[TrainState, Metrics]]:
    """Returns the step on batches of tasks. The state that is passed to it is donated: use it no more.

    Each device works on its own tasks, `abreast` of them at a time, and their mean gradient moves the state. The
    optimizer of `parts` is one `with_rates`. The metrics are means over the tasks, of the start before the step: `loss`
    after adaptation, `support_loss` before it, and `gradient_norm`.
    """
    place = parts.shardings.step
    assert isinstance(place, NamedSharding)
    gradient_of = _group_gradient(learner, parts, place)

    @partial(jax.jit, donate_argnames="state", out_shardings=(parts.shardings, place))
    def move(state: TrainState, found: TaskGradient) -> tuple[TrainState, Metrics]:
        memory = _memory(state)
        meta = MetaParameters(state.params, memory.rates)
        (start, rates), of_optimizer = outer_loop.move(parts.optimizer, found.gradient, memory.optimizer, meta)
        following = replace(
            state,
            step=state.step + 1,
            params=start,
            opt_state=cast(optax.OptState, MetaMemory(rates, of_optimizer)),
            ema=running_mean(state.ema, nnx.merge_state(start, state.stats), parts.config.ema_decay),
        )
        return following, {**found.metrics, "gradient_norm": optax.tree.norm(found.gradient)}

    def meta_step(state: TrainState, tasks: Episode) -> tuple[TrainState, Metrics]:
        count = jax.tree.leaves(tasks)[0].shape[0]
        groups = max(count // (place.mesh.size * abreast), 1)
        found = [gradient_of(state, tasks, np.int32(group), groups) for group in range(groups)]
        return move(state, jax.tree.map(lambda *of_groups: jnp.stack(of_groups).mean(0), *found))

    return meta_step


def _group_gradient(learner: MetaLearner, parts: StepParts, place: NamedSharding) -> Callable[..., TaskGradient]:
    """Returns what computes the mean gradient of one group of the tasks, in which each device has some of its own.

    It is called with state, tasks, the group's number and how many there are; all of the state lives at `place`.
    """
    whole, rows = PartitionSpec(), PartitionSpec(_DEVICES)

    def of_own_tasks(state: TrainState, tasks: Episode) -> TaskGradient:
        # Each device differentiates a copy of its own: no sum over devices in every inner step.
        own = jax.tree.map(lambda x: jax.lax.pcast(x, _DEVICES, to="varying"), state)
        task_loss = TaskLoss(
            graphdef=parts.graphdef,
            rest=(own.frozen, own.stats),
            encodes=trains_encoder(own.params),
            loss=parts.loss,
            planes=parts.planes,
            text=parts.text,
            dtype=compute_dtype(parts.precision),
        )
        key = jax.random.fold_in(jax.random.key(0), own.step)
        with each_device_alone():
            prepared = Task(*(jax.vmap(partial(task_loss.prepare, own.params))(part) for part in tasks))
            meta = MetaParameters(own.params, _memory(own).rates)
            found = outer_loop.meta_gradient(learner, task_loss, meta, prepared, key)
        return jax.tree.map(lambda x: jax.lax.pmean(x, _DEVICES), found)

    @partial(jax.jit, static_argnames="groups")
    def gradient_of(state: TrainState, tasks: Episode, group: Int[Array, ""], groups: int) -> TaskGradient:
        state = jax.lax.with_sharding_constraint(state, place)
        of_group = jax.tree.map(
            lambda x: jax.lax.dynamic_index_in_dim(x.reshape(-1, groups, *x.shape[1:]), group, 1, keepdims=False), tasks
        )
        # The optimizer's memory stays out of it, but for the step sizes.
        state = replace(state, opt_state=cast(optax.OptState, _memory(state)._replace(optimizer=())), ema=None)
        return jax.shard_map(of_own_tasks, mesh=place.mesh, in_specs=(whole, rows), out_specs=whole)(state, of_group)

    return gradient_of


def _memory(state: TrainState) -> MetaMemory:
    memory = state.opt_state
    assert isinstance(memory, MetaMemory)
    return memory
