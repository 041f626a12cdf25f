"""Whether two experiments train on the same: a training that is gone on with elsewhere has seen what is held out."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from jvlgs_jax.errors import UserError

DECISIVE = ("seed", "data", "simulated", "meta")  # settings of an experiment
MAY_CHANGE = ("root", "batch_size", "workers", "abreast")  # of those, at any depth: where and how fast, not on what
_MOST_SHOWN = 60  # characters of a value


def check_same_data(folder: Path, saved: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> None:
    """UserError that names the first setting by which an experiment trains on other data than a saved one did.

    Args:
        folder: of the saved training.
        saved: its experiment as JSON, perhaps by an older version that lacks some settings; None: not known.
        now: the experiment that would go on with it; None: not known.
    """
    for name in DECISIVE:
        if saved is None or now is None or name not in saved:
            continue
        difference = first_difference(saved[name], now.get(name), name=name, apart_from=MAY_CHANGE)
        if difference is not None:
            setting, before, after = difference
            raise UserError(
                f"{folder}: was trained with {setting} {_shown(before)}, but this config says {_shown(after)}: "
                "set it back, or use a new workdir, to which train.init_from can take the weights"
            )


def first_difference(
    one: Any, other: Any, *, name: str = "", apart_from: Collection[str] = ()
) -> tuple[str, Any, Any] | None:
    """Returns the dotted name of the first setting in which two JSON values differ and both its values; None if none.

    Settings that only one of them has are no difference, nor are those called as in `apart_from`, at any depth.
    `name` is what the values themselves are called.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        dot = "." if name else ""
        parts = [
            (f"{name}{dot}{key}", value, other[key])
            for key, value in one.items()
            if key in other and key not in apart_from
        ]
    elif _are_groups(one) and _are_groups(other) and len(one) == len(other):
        parts = [(f"{name}[{i}]", *both) for i, both in enumerate(zip(one, other, strict=True))]
    else:
        return None if one == other else (name, one, other)
    found = (first_difference(a, b, name=part, apart_from=apart_from) for part, a, b in parts)
    return next((difference for difference in found if difference is not None), None)


def _are_groups(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
