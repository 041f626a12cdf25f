"""Limits of the values in a config dataclass, written beside each field's type, and the check that they are kept.

A range is a pair, (lowest, highest).
"""

import math
import typing
from dataclasses import dataclass, fields
from typing import Annotated, Any

from jvlgs_jax.errors import UserError
from jvlgs_jax.simulation.draws import Range


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a value, or each value of a tuple, must lie between.

    Attributes:
        least, most: the ends, which count as within.
        positive: whether the value must be above 0.
        ordered: whether the first value of a pair may not pass the second.
    """

    least: float = -math.inf
    most: float = math.inf
    positive: bool = False
    ordered: bool = True

    def broken_by(self, value: Any) -> str:
        """Says what is wrong with a value, or nothing."""
        values = value if isinstance(value, tuple) else (value,)
        if self.positive and not all(0 < each < math.inf for each in values):
            return "must be above 0"
        if not all(math.isfinite(each) and self.least <= each <= self.most for each in values):
            if math.isfinite(self.most):
                return f"must lie between {self.least:g} and {self.most:g}"
            return f"must be at least {self.least:g}" if math.isfinite(self.least) else "must be a number"
        if self.ordered and isinstance(value, tuple) and value[0] > value[-1]:
            return "must name the lower end first"
        return ""


Share = Annotated[float, Limits(least=0.0, most=1.0)]
Amount = Annotated[float, Limits(least=0.0)]
Count = Annotated[int, Limits(least=0.0)]
Between = Annotated[Range, Limits()]
Amounts = Annotated[Range, Limits(least=0.0)]
Positives = Annotated[Range, Limits(positive=True)]  # also what is drawn evenly in the logarithm
Shares = Annotated[Range, Limits(least=0.0, most=1.0)]
Factors = Annotated[Range, Limits(positive=True, ordered=False)]


def check_limits(config: Any, name: str) -> None:
    """UserError for the first value of a dataclass, `name` in messages, that breaks the limits of its field."""
    hints = typing.get_type_hints(type(config), include_extras=True)
    for field in fields(config):
        value = getattr(config, field.name)
        for limits in getattr(hints[field.name], "__metadata__", ()):
            if broken := limits.broken_by(value):
                raise UserError(f"{name}.{field.name} is {value}: it {broken}")
