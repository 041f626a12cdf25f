"""Frozen dataclasses of numbers, changed by a text such as "low=0.2,vote_frames=3" or by a mapping."""

import dataclasses
import difflib
import sys
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

from jvlgs_jax.errors import UserError


@runtime_checkable
class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


Config = TypeVar("Config", bound=_Dataclass)  # frozen


def parse_settings(text: str, owner: str, prefix: str = "") -> dict[str, int | float]:
    """Returns the settings in `text`, separated by commas.

    UserError for other text: it begins with `owner`, and says that settings are written after `prefix`.
    """
    settings: dict[str, int | float] = {}
    for setting in filter(None, (part.strip() for part in text.split(","))):
        key, _, value = (part.strip() for part in setting.partition("="))
        try:
            settings[key] = float(value) if "." in value or "e" in value else int(value)
        except ValueError as error:
            raise UserError(f"{owner}: {setting!r} is not a setting: write {prefix}SETTING=NUMBER,...") from error
    return settings


def with_settings(defaults: Config, settings: Mapping[str, Any], owner: str) -> Config:
    """Returns `defaults` with some numbers changed: fields of its own, and of the dataclasses that its fields hold.

    UserError, which begins with `owner`, for unknown settings and wrong values.
    """
    known = _numbers(defaults)
    for key, value in settings.items():
        if key not in known:
            guess = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {guess[0]!r}?" if guess else ""
            raise UserError(f"{owner}: unknown setting {key!r}: the settings are {', '.join(known)}{hint}")
        whole = isinstance(known[key], int)
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise UserError(f"{owner}: {key} is {value!r}, it must be a {'whole ' if whole else ''}number")
        if not abs(value) <= sys.float_info.max:
            raise UserError(f"{owner}: {key} is {value!s:.20}, it must be finite: give a number such as {known[key]}")
    return _changed(defaults, {key: type(known[key])(value) for key, value in settings.items()})


def _numbers(config: _Dataclass) -> dict[str, int | float]:
    numbers: dict[str, int | float] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            numbers |= _numbers(value)
        elif isinstance(value, int | float):
            numbers[field.name] = value
    return numbers


def _changed(config: Config, numbers: Mapping[str, int | float]) -> Config:
    fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    inner = {name: _changed(value, numbers) for name, value in fields.items() if dataclasses.is_dataclass(value)}
    return dataclasses.replace(config, **inner, **{name: numbers[name] for name in fields if name in numbers})


def check_shares(config: _Dataclass, owner: str, *names: str) -> None:
    """UserError, which begins with `owner`, unless the fields called `names` lie between 0 and 1."""
    for name in names:
        value = getattr(config, name)
        if not 0 <= value <= 1:
            raise UserError(f"{owner}: {name} is {value}, it must lie between 0 and 1")


def check_hysteresis(config: _Dataclass, low: str, high: str, owner: str) -> None:
    """UserError, which begins with `owner`, where the field called `low` exceeds that called `high`."""
    least, most = getattr(config, low), getattr(config, high)
    if least > most:
        raise UserError(f"{owner}: {low} is {least}, it must not exceed {high}, {most}: lower it")


def check_least(config: _Dataclass, name: str, least: int, owner: str, *, note: str = "") -> None:
    """UserError, which begins with `owner` and ends with `note`, where the field called `name` is below `least`."""
    value = getattr(config, name)
    if value < least:
        raise UserError(f"{owner}: {name} is {value}, the least is {least}{note}")
