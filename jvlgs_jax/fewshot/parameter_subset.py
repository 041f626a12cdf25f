"""Which parameters a task changes: a tree split in two by the paths of its leaves, and put together again.

Both halves have the structure of the tree, with None where the other half has the leaf. JAX passes over None, so that
optimizers, `jax.lax.scan` and `jax.vmap` see in a half only the leaves that are there.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
from jaxtyping import PyTree

from jvlgs_jax.training.variable_paths import matched_paths, variable_path


class ParameterSubset(NamedTuple):
    """A tree of parameters in two halves: of every leaf one holds the array, the other None."""

    adapted: PyTree
    frozen: PyTree


def split_parameters(params: PyTree, patterns: Sequence[str]) -> ParameterSubset:
    """Splits off the parameters whose path, such as "decoder/head/kernel", one of the patterns matches as a whole.

    Works on any tree, of arrays, shapes or tracers: on `nnx.State` as on dictionaries. UserError for a pattern that
    matches nothing, with the nearest path, and for one that is no regular expression.
    """
    paths = [variable_path(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    chosen = matched_paths(patterns, paths, "the adapted parameters")

    def half(of_chosen: bool) -> PyTree:
        def keep(path: tuple, leaf: Any) -> Any:
            return leaf if (variable_path(path) in chosen) == of_chosen else None

        return jax.tree_util.tree_map_with_path(keep, params)

    return ParameterSubset(adapted=half(True), frozen=half(False))


def merge_parameters(adapted: PyTree, frozen: PyTree) -> PyTree:
    """Puts the halves that `split_parameters` made together again, `adapted` perhaps with other values."""
    return jax.tree.map(lambda a, b: b if a is None else a, adapted, frozen, is_leaf=lambda leaf: leaf is None)


def paths_of(tree: PyTree) -> set[str]:
    """Returns the paths of the leaves that are there."""
    return {variable_path(path) for path, _ in jax.tree_util.tree_leaves_with_path(tree)}
