"""Named families of clips."""

import difflib
from dataclasses import replace

from jvlgs_jax.errors import UserError
from jvlgs_jax.simulation.config import SimulationConfig


def _simgas_like() -> SimulationConfig:
    """A fixed camera on the ground before tanks and pipes under a cold sky, little noise, leaks easy to moderate."""
    return SimulationConfig()


_PRESETS = {"simgas_like": _simgas_like}


def preset(name: str) -> SimulationConfig:
    """Returns the family called `name`; UserError for any other name."""
    if name not in _PRESETS:
        guess = difflib.get_close_matches(name, _PRESETS, n=1)
        hint = f"did you mean {guess[0]!r}?" if guess else "use one of them"
        raise UserError(f"unknown preset {name!r}: the choices are {', '.join(_PRESETS)}; {hint}")
    return _PRESETS[name]()
