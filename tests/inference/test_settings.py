from dataclasses import dataclass, field
from typing import Any

import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.settings import parse_settings, with_settings


@dataclass(frozen=True)
class Inner:
    rank: int = 4
    names: tuple[str, ...] = ("a",)


@dataclass(frozen=True)
class Outer:
    rate: float = 0.5
    inner: Inner = field(default_factory=Inner)
    plain: str = "text"


def test_numbers_are_changed_at_any_depth_and_all_else_stays():
    changed = with_settings(Outer(), parse_settings("rate=1, rank=8", "it"), "it")
    assert changed == Outer(rate=1.0, inner=Inner(rank=8))
    assert isinstance(changed.rate, float)
    assert with_settings(Outer(), {}, "it") == Outer()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inner": 1}, "^it: unknown setting 'inner': the settings are rate, rank"),
        ({"plain": 1}, "unknown setting 'plain'"),
        ({"rank": 1.5}, "rank is 1.5, it must be a whole number"),
        ({"rate": True}, "rate is True, it must be a number"),
        ({"rate": float("inf")}, "rate is inf, it must be finite: give a number such as 0.5"),
        ({"rate": float("nan")}, "rate is nan, it must be finite"),
        ({"rate": 10**400}, "rate is 10000000000000000000, it must be finite"),
    ],
)
def test_what_is_no_setting_or_no_value_of_one_is_refused(settings: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        with_settings(Outer(), settings, "it")
