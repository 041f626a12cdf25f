"""Optimizers and learning-rate schedules by name."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from jvlgs_jax.errors import UserError
from jvlgs_jax.training.durations import in_steps, one_unit, positive
from jvlgs_jax.training.layer_decay import scale_by_layer
from jvlgs_jax.training.variable_paths import variable_path

_POSITIVE = {
    "learning_rate": "the published one is 1e-4",
    "epsilon": "the published one is 1e-8",
    "decay_factor": "the published one is 0.1",
    "gradient_clamp": "use None for no limit",
    "gradient_norm": "use None for no limit",
}


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How parameters are changed; the defaults are the published ones, to which the steps of the decay are added.

    Attributes:
        name: one of OPTIMIZERS: "adam" or "adamw".
        learning_rate: the largest one of the schedule.
        epsilon: added to the denominator of Adam.
        weight_decay: adamw shrinks the kernels, not biases, norms and embeddings, by this times the learning rate.
        gradient_clamp: each element of the gradient is cut to this magnitude; None leaves it as it is.
        gradient_norm: a gradient of a larger norm than this, after the clamp, is scaled down to it; None leaves it.
        layer_decay: factor of the learning rate from each block of the video encoder to the one before it, see
            `layer_decay`; 1 trains all alike.
        micro_batches: equal parts of a batch that go through the network one after the other, to need less memory;
            their mean gradient makes one step. BatchNorm normalises each by itself and moves its running statistics
            with each. Not for speed on a CPU, where convolutions in the loop over them take several times as long.
        schedule: of the learning rate, one of SCHEDULES: "step_decay" or "warmup_cosine".
        decay_steps: step_decay multiplies the rate by decay_factor from each of these steps on, twice from one that is
            given twice, as epochs of few steps may become.
        decay_epochs: the same in epochs.
        decay_factor: see decay_steps.
        warmup_steps: the rate rises from zero over this many steps; warmup_cosine then falls to zero at the last step.
        warmup_epochs: the same in epochs.
        frozen: regular expressions of variable paths, such as "text_encoder/.*"; what one of them matches as a whole
            is not trained and takes no gradient and no optimizer memory. A BatchNorm whose running statistics one
            matches keeps them and normalises by them.
        ema_decay: of a running mean of the parameters and of BatchNorm's statistics, which is then what is evaluated
            and saved as the model; None for no such mean.
    """

    name: str = "adam"
    learning_rate: float = 1e-4
    epsilon: float = 1e-8
    weight_decay: float = 0.05
    gradient_clamp: float | None = 0.5
    gradient_norm: float | None = None
    layer_decay: float = 1.0
    micro_batches: int = 1
    schedule: str = "step_decay"
    decay_steps: tuple[int, ...] = ()
    decay_epochs: tuple[float, ...] = ()
    decay_factor: float = 0.1
    warmup_steps: int = 0
    warmup_epochs: float | None = None
    frozen: tuple[str, ...] = ()
    ema_decay: float | None = None

    def __post_init__(self) -> None:
        for name, hint in _POSITIVE.items():
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise UserError(f"{name} is {value}, it must be positive and finite: {hint}")
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise UserError(f"ema_decay is {self.ema_decay}, it must lie between 0 and 1: use None for no mean")
        if not 0 < self.layer_decay <= 1:
            raise UserError(f"layer_decay is {self.layer_decay}, it must be above 0 and at most 1: use 1 for no decay")
        if not 0 <= self.weight_decay < math.inf:
            raise UserError(f"weight_decay is {self.weight_decay}, it must be finite and 0 or more: use 0 for no decay")
        if self.micro_batches < 1:
            raise UserError(f"micro_batches is {self.micro_batches}, the least is 1: use 1 for whole batches")
        for kind, name, known in (("optimizer", self.name, OPTIMIZERS), ("schedule", self.schedule, SCHEDULES)):
            if name not in known:
                raise UserError(f"unknown {kind} {name!r}: the choices are {', '.join(known)}")
        one_unit("decay_steps", self.decay_steps, self.decay_epochs)
        one_unit("warmup_steps", self.warmup_steps, self.warmup_epochs)
        if self.warmup_steps < 0:
            raise UserError(f"warmup_steps is {self.warmup_steps}, the least is 0: use 0 for no warm-up")
        positive("warmup_epochs", self.warmup_epochs)
        for name in ("decay_steps", "decay_epochs"):
            for duration in getattr(self, name):
                positive(f"one of {name}", duration)

    @property
    def counts_epochs(self) -> bool:
        """Whether a duration is in epochs, so that `in_steps` has to convert it first."""
        return bool(self.decay_epochs) or self.warmup_epochs is not None

    def in_steps(self, steps_per_epoch: float) -> "OptimizerConfig":
        """Returns the same config with every duration in steps."""
        decay = tuple(in_steps(None, epoch, steps_per_epoch) or 0 for epoch in self.decay_epochs)
        warmup = in_steps(self.warmup_steps, self.warmup_epochs, steps_per_epoch) or 0
        return replace(
            self,
            decay_steps=self.decay_steps or decay,
            decay_epochs=(),
            warmup_steps=warmup,
            warmup_epochs=None,
        )


def step_decay(config: OptimizerConfig, steps: int) -> optax.Schedule:
    """The published schedule, constant between the steps of the decay, after a linear rise over the warm-up if any."""
    _check_warmup(config, steps)
    times = Counter(config.decay_steps)
    decayed = optax.piecewise_constant_schedule(
        config.learning_rate, {step: config.decay_factor**count for step, count in times.items()}
    )
    if config.warmup_steps == 0:
        return decayed
    return lambda step: decayed(step) * jnp.minimum(step / config.warmup_steps, 1)


def warmup_cosine(config: OptimizerConfig, steps: int) -> optax.Schedule:
    """A linear rise over the warm-up, then half a cosine down to zero at `steps`."""
    _check_warmup(config, steps)
    return optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, config.warmup_steps, steps)


def _check_warmup(config: OptimizerConfig, steps: int) -> None:
    if config.warmup_steps >= steps:
        raise UserError(
            f"warmup_steps is {config.warmup_steps}, it must be below the {steps} steps of the training: "
            "use a shorter warm-up, or 0 for none"
        )


SCHEDULES: dict[str, Callable[[OptimizerConfig, int], optax.Schedule]] = {
    "step_decay": step_decay,
    "warmup_cosine": warmup_cosine,
}


def adam(config: OptimizerConfig, schedule: optax.Schedule) -> optax.GradientTransformation:
    """The published optimizer: Adam (Kingma and Ba, 2015, arXiv:1412.6980), without weight decay."""
    return optax.adam(schedule, eps=config.epsilon)


def adamw(config: OptimizerConfig, schedule: optax.Schedule) -> optax.GradientTransformation:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019, arXiv:1711.05101)."""
    return optax.adamw(schedule, eps=config.epsilon, weight_decay=config.weight_decay, mask=decayed)


OPTIMIZERS: dict[str, Callable[[OptimizerConfig, optax.Schedule], optax.GradientTransformation]] = {
    "adam": adam,
    "adamw": adamw,
}


def decayed(params: PyTree) -> PyTree[bool]:
    """Returns which parameters weight decay shrinks: the kernels; not biases, norms and embeddings.

    The name decides, not the number of axes, as the biases of stacked blocks are matrices.
    """
    return jax.tree_util.tree_map_with_path(lambda path, _: variable_path(path).split("/")[-1] == "kernel", params)


def make_optimizer(config: OptimizerConfig, steps: int) -> optax.GradientTransformation:
    """Returns the optimizer for a training of `steps` steps, for the parameters that are not frozen.

    ValueError for durations in epochs: convert them with `in_steps` first.
    """
    if config.counts_epochs:
        raise ValueError("the optimizer's durations are in epochs: convert them with in_steps(steps_per_epoch)")
    limits = []
    if config.gradient_clamp is not None:
        limits.append(optax.clip(config.gradient_clamp))
    if config.gradient_norm is not None:
        limits.append(optax.clip_by_global_norm(config.gradient_norm))
    optimizer = OPTIMIZERS[config.name](config, SCHEDULES[config.schedule](config, steps))
    rates = [] if config.layer_decay == 1 else [scale_by_layer(config.layer_decay)]
    return optax.chain(*limits, optimizer, *rates)
