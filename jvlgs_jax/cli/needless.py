"""Options that have no effect beside another one: refused, so that nobody takes them for heeded."""

import argparse
from collections.abc import Mapping
from typing import Any

from jvlgs_jax.errors import UserError


def refuse_needless(args: argparse.Namespace, defaults: Mapping[str, Any], reason: str) -> None:
    """UserError for the first option that is not at its default, where `reason` says why it would have no effect."""
    for name, default in defaults.items():
        if getattr(args, name) != default:
            raise UserError(f"{reason}: leave --{name.replace('_', '-')} out")
