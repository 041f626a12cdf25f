"""Where a training step takes the features of its prompts from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.data.prompts import PromptTokens
from jvlgs_jax.models.jvlgs import Jvlgs
from jvlgs_jax.training.precision import TEXT_ENCODER
from jvlgs_jax.training.state import variable_groups


@runtime_checkable
class TextFeatures(Protocol):
    """Where a step takes the features of the prompts from."""

    def __call__(self, model: Jvlgs) -> Float[Array, "p d"]:
        """Returns the features for a step of `model`; called inside the loss."""
        ...


@dataclass(frozen=True)
class TrainedPrompts:
    """Encodes the prompts in every step, so that the text encoder is trained."""

    tokens: PromptTokens

    def __call__(self, model: Jvlgs) -> Float[Array, "p d"]:
        """Encodes the prompts with the model of the step."""
        return model.encode_text(self.tokens)


@dataclass(frozen=True)
class CachedPrompts:
    """Holds features that were encoded once, by a text encoder that is frozen."""

    features: Float[np.ndarray, "p d"]  # in the host's memory, as the model's device need not be the step's

    def __call__(self, model: Jvlgs) -> Float[Array, "p d"]:
        """Returns the features that were computed at the start."""
        return jnp.asarray(self.features)


def text_features(model: Jvlgs, tokens: PromptTokens, frozen: Sequence[str]) -> TextFeatures:
    """Returns the cheapest features that are right: cached if all of the text encoder is frozen."""
    if trains_text(model, frozen):
        return TrainedPrompts(tokens)
    return CachedPrompts(np.asarray(nnx.jit(lambda model: model.encode_text(tokens))(model)))


def trains_text(model: Jvlgs, frozen: Sequence[str]) -> bool:
    """Tells if any of the text encoder is trained; `model` may hold shapes in place of arrays."""
    trained = nnx.to_flat_state(nnx.state(model, variable_groups(frozen)[0]))
    return any(path[0] == TEXT_ENCODER for path, _ in trained)
