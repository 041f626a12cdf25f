"""Names for the leaves of the trees that a training holds, and patterns of them."""

import difflib
import re
from collections.abc import Sequence

import jax

from jvlgs_jax.errors import UserError


def variable_path(path: tuple) -> str:
    """Returns a leaf's path in a tree as text, such as "decoder/head/kernel", as `frozen` patterns know it."""
    # nnx.State puts each array one level down, in the attribute `value` of its variable.
    return jax.tree_util.keystr(path, simple=True, separator="/").removesuffix("/value")


def matched_paths(patterns: Sequence[str], paths: Sequence[str], setting: str) -> set[str]:
    """Returns those of `paths` that one of the regular expressions matches as a whole.

    UserError, which calls the patterns `setting`, for one that matches none, with the nearest path, and for one that is
    no regular expression.
    """
    matched: set[str] = set()
    for pattern in patterns:
        try:
            found = {path for path in paths if re.fullmatch(pattern, path)}
        except re.error as error:
            raise UserError(f"{setting} holds {pattern!r}, which is no regular expression: {error}") from error
        if not found:
            nearest = difflib.get_close_matches(pattern, paths, n=1, cutoff=0)
            hint = f"the nearest is {nearest[0]!r}" if nearest else "there is none"
            parts = ", ".join(sorted({path.split("/")[0] for path in paths}))
            raise UserError(f"{setting} holds {pattern!r}, which matches no variable: {hint}; the parts are {parts}")
        matched |= found
    return matched
