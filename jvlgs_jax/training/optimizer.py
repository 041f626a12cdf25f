"""The optimizer: Adam with a clamp on every element of the gradient, and its learning-rate schedules."""

from collections.abc import Callable
from dataclasses import dataclass

import optax

from jvlgs_jax.errors import UserError


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How parameters are changed; the defaults are the published ones, to which the steps of the decay are added.

    Attributes:
        learning_rate: the largest one of the schedule.
        epsilon: added to the denominator of Adam.
        gradient_clamp: each element of the gradient is cut to this magnitude; None leaves it as it is.
        schedule: of the learning rate, one of SCHEDULES: "step_decay" or "warmup_cosine".
        decay_steps: step_decay multiplies the rate by decay_factor from each of these steps on.
        decay_factor: see decay_steps.
        warmup_steps: warmup_cosine rises from zero over this many steps, then falls to zero at the last step.
        frozen: regular expressions of variable paths, such as "text_encoder/.*"; what one of them matches as a whole
            is not trained and takes no gradient and no optimizer memory.
        ema_decay: of a running mean of the parameters, which is then what is evaluated and saved as the model; None
            for no such mean.
    """

    learning_rate: float = 1e-4
    epsilon: float = 1e-8
    gradient_clamp: float | None = 0.5
    schedule: str = "step_decay"
    decay_steps: tuple[int, ...] = ()
    decay_factor: float = 0.1
    warmup_steps: int = 0
    frozen: tuple[str, ...] = ()
    ema_decay: float | None = None

    def __post_init__(self) -> None:
        if not self.learning_rate > 0:
            raise UserError(f"learning_rate is {self.learning_rate}, it must be positive: the published one is 1e-4")
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise UserError(f"ema_decay is {self.ema_decay}, it must lie between 0 and 1: use None for no mean")
        if self.schedule not in SCHEDULES:
            raise UserError(f"unknown schedule {self.schedule!r}: the choices are {', '.join(SCHEDULES)}")


def step_decay(config: OptimizerConfig, steps: int) -> optax.Schedule:
    """The published schedule: constant between the steps of the decay."""
    return optax.piecewise_constant_schedule(
        config.learning_rate, dict.fromkeys(config.decay_steps, config.decay_factor)
    )


def warmup_cosine(config: OptimizerConfig, steps: int) -> optax.Schedule:
    """A linear rise over the warm-up, then half a cosine down to zero at `steps`."""
    if config.warmup_steps >= steps:
        raise UserError(f"warmup_steps is {config.warmup_steps}, it must be below the {steps} steps of the training")
    return optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, config.warmup_steps, steps)


SCHEDULES: dict[str, Callable[[OptimizerConfig, int], optax.Schedule]] = {
    "step_decay": step_decay,
    "warmup_cosine": warmup_cosine,
}


def make_optimizer(config: OptimizerConfig, steps: int) -> optax.GradientTransformation:
    """Returns the optimizer for a training of `steps` steps, for the parameters that are not frozen."""
    schedule = SCHEDULES[config.schedule](config, steps)
    clamp = optax.identity() if config.gradient_clamp is None else optax.clip(config.gradient_clamp)
    return optax.chain(clamp, optax.adam(schedule, eps=config.epsilon))
