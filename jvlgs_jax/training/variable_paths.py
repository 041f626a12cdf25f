"""Names for the leaves of the trees that a training holds."""

import jax


def variable_path(path: tuple) -> str:
    """Returns a leaf's path in a tree as text, such as "decoder/head/kernel", as `frozen` patterns know it."""
    # nnx.State puts each array one level down, in the attribute `value` of its variable.
    return jax.tree_util.keystr(path, simple=True, separator="/").removesuffix("/value")
