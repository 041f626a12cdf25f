"""The mean of models of one network: often better on unseen footage than any of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from flax import nnx

from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.model_folder import ModelBundle, abstract_model, describe_use
from jvlgs_jax.interop.parameters import flatten
from jvlgs_jax.interop.parameters import replace as with_arrays

_FREE = ("input_size", "coarse_size", "rule")  # what the models may differ in; the mean takes the last one's


def average_models(models: Mapping[str, ModelBundle], shares: Sequence[float]) -> ModelBundle:
    """Returns the model whose parameters and running statistics are a weighted mean of those of `models`.

    A network and what a second training made of it lie in one valley of the loss; between them, what the second
    training taught and what the first knew of other footage can both be kept (Wortsman et al., Robust fine-tuning of
    zero-shot models, 2022). Models trained from different random weights have no useful mean.

    The mean runs as the last of the models does, with no rule of its own: its probabilities are new.

    Args:
        models: by the name that errors call them.
        shares: of each, positive; only their ratios count.

    UserError for fewer than two models, shares that do not fit, and models of different networks or uses.
    """
    if len(models) < 2:
        raise UserError(f"{len(models)} model given: a mean takes two or more")
    if len(shares) != len(models) or not all(np.isfinite(shares)) or min(shares) <= 0:
        raise UserError(f"the shares are {', '.join(map(str, shares))}: give one above 0 for each of {len(models)}")
    names, bundles = list(models), list(models.values())
    last = bundles[-1]
    for name, bundle in zip(names, bundles, strict=True):
        if different := _differences(bundle, last):
            raise UserError(f"{name} and {names[-1]} differ in {', '.join(different)}: there is no mean of them")
    states = [flatten(nnx.state(bundle.model)) for bundle in bundles]
    weights = np.asarray(shares, np.float64) / np.sum(shares, dtype=np.float64)
    mean = {path: _mean([state[path] for state in states], weights) for path in states[-1]}
    graphdef, state = nnx.split(abstract_model(last.model.config))
    model = nnx.merge(graphdef, with_arrays(state, mean))
    model.eval()
    return replace(last, model=model, rule=None)


def _mean(arrays: Sequence[jnp.ndarray], weights: np.ndarray) -> np.ndarray:
    if not jnp.issubdtype(arrays[-1].dtype, jnp.floating):  # counters
        return np.asarray(arrays[-1])
    total = sum(weight * np.asarray(array, np.float64) for weight, array in zip(weights, arrays, strict=True))
    return np.asarray(total, arrays[-1].dtype)


def _differences(one: ModelBundle, other: ModelBundle) -> list[str]:
    different = [
        name for name, use in describe_use(one).items() if name not in _FREE and use != describe_use(other)[name]
    ]
    return different + ["their networks"] * (one.model.config != other.model.config)
