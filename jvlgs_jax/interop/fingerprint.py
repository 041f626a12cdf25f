"""Tells whether two models, or two files, are the same one."""

import hashlib
import json
from pathlib import Path

import numpy as np
from flax import nnx

from jvlgs_jax.interop.model_folder import ModelBundle, describe_use
from jvlgs_jax.interop.parameters import flatten

_CHOICES = ("prompts", "rule")  # of whoever runs the network


def fingerprint(bundle: ModelBundle) -> str:
    """The SHA-256 of a network's arrays, its sizes and its input, in hexadecimal digits.

    Prompts and the rule from probabilities to masks are not part of it.
    """
    # Without a coarse size that is none, so that models of one look keep the hash that they always had.
    left_out = (*_CHOICES, "coarse_size") if bundle.coarse_size is None else _CHOICES
    use = {name: value for name, value in describe_use(bundle).items() if name not in left_out}
    digest = hashlib.sha256(json.dumps(use, sort_keys=True).encode())
    digest.update(repr(bundle.model.config).encode())
    for path, value in sorted(flatten(nnx.state(bundle.model)).items()):
        array = np.asarray(value)
        digest.update(f"{path} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
