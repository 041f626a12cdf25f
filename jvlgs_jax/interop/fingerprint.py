"""Tells whether two models are the same one."""

import hashlib
import json

import numpy as np
from flax import nnx

from jvlgs_jax.interop.model_folder import ModelBundle, describe_use
from jvlgs_jax.interop.parameters import flatten


def fingerprint(bundle: ModelBundle) -> str:
    """The SHA-256 of a model's arrays and of all that its description says of their use, in hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(describe_use(bundle), sort_keys=True).encode())
    digest.update(repr(bundle.model.config).encode())
    for path, value in sorted(flatten(nnx.state(bundle.model)).items()):
        array = np.asarray(value)
        digest.update(f"{path} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
