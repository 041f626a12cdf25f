"""Durations: a config gives each either in steps or in epochs, and a training counts in steps."""

import math

from jvlgs_jax.errors import UserError


def one_unit(name: str, steps: object, epochs: object) -> None:
    """UserError if a duration is given in both units; `name` is that of the one in steps, as the config knows it."""
    if steps and epochs:
        raise UserError(
            f"{name} and the same in epochs are both given ({steps} steps, {epochs} epochs): set one of them to None"
        )


def positive(name: str, value: int | float | None) -> None:
    """UserError for a duration that is given and not positive, or without end."""
    if value is not None and not 0 < value < math.inf:
        raise UserError(f"{name} is {value}, it must be above 0 and finite: use another one")


def in_steps(steps: int | None, epochs: int | float | None, steps_per_epoch: int | float) -> int | None:
    """Returns a duration given in either unit, or not at all, in whole steps, the nearest and at least one."""
    return steps if epochs is None else max(round(epochs * steps_per_epoch), 1)
