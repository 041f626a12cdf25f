"""Structure losses: binary cross-entropy and intersection over union, both heavier along the edges of the truth."""

from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float

from jvlgs_jax.errors import UserError
from jvlgs_jax.models.global_batch import global_mean, global_sum

EDGE_WINDOW = 31  # pixels
EDGE_GAIN = 5.0


class StructureLoss(NamedTuple):
    """A structure loss and its two terms, each a mean over the images of the global batch (`models.global_batch`)."""

    bce: Float[Array, ""]
    iou: Float[Array, ""]  # one minus the weighted intersection over union

    @property
    def total(self) -> Float[Array, ""]:
        """What is minimised."""
        return self.bce + self.iou


@runtime_checkable
class LossFunction(Protocol):
    """Compares logits with the truth in [0, 1]; `ignored` is the share of each pixel that is not to be learned."""

    def __call__(
        self,
        logits: Float[Array, "*b h w 1"],
        mask: Float[Array, "*b h w 1"],
        ignored: Float[Array, "*b h w 1"] | None = None,
    ) -> StructureLoss:
        """Returns the loss and its terms."""
        ...


def structure_loss_published(
    logits: Float[Array, "*b h w 1"],
    mask: Float[Array, "*b h w 1"],
    ignored: Float[Array, "*b h w 1"] | None = None,
) -> StructureLoss:
    """The loss of the released program for a truth in [0, 1]: its cross-entropy is a plain mean over pixels."""
    bce = optax.sigmoid_binary_cross_entropy(logits, mask)
    weights = edge_weights(mask)
    if ignored is None:
        return StructureLoss(global_mean(bce), _weighted_iou_loss(logits, mask, weights))
    known = 1 - ignored
    mean = global_sum(known * bce) / jnp.maximum(global_sum(known), 1)
    return StructureLoss(mean, _weighted_iou_loss(logits, mask, known * weights))


def structure_loss_intended(
    logits: Float[Array, "*b h w 1"],
    mask: Float[Array, "*b h w 1"],
    ignored: Float[Array, "*b h w 1"] | None = None,
) -> StructureLoss:
    """The loss that a misspelt argument kept from the released program: its cross-entropy has edge weights too."""
    weights = edge_weights(mask)
    if ignored is not None:
        weights = (1 - ignored) * weights
    bce = optax.sigmoid_binary_cross_entropy(logits, mask)
    return StructureLoss(
        global_mean(_sum(weights * bce) / jnp.maximum(_sum(weights), 1)),
        _weighted_iou_loss(logits, mask, weights),
    )


LOSSES: dict[str, LossFunction] = {"published": structure_loss_published, "intended": structure_loss_intended}


def loss_function(name: str) -> LossFunction:
    """Returns the loss called `name`, one of LOSSES; UserError for any other name."""
    if name not in LOSSES:
        raise UserError(f"unknown loss {name!r}: the choices are {', '.join(LOSSES)}")
    return LOSSES[name]


def edge_weights(mask: Float[Array, "*b h w 1"]) -> Float[Array, "*b h w 1"]:
    """1 + 5 |local mean - mask|, the mean over 31x31 pixels of which those outside the image count as zeros."""
    return 1 + EDGE_GAIN * jnp.abs(_local_mean(mask) - mask)


def _local_mean(mask: Float[Array, "*b h w 1"]) -> Float[Array, "*b h w 1"]:
    # One axis after the other: 62 additions a pixel instead of 961.
    for axis in (mask.ndim - 3, mask.ndim - 2):
        window, padding = [1] * mask.ndim, [(0, 0)] * mask.ndim
        window[axis], padding[axis] = EDGE_WINDOW, (EDGE_WINDOW // 2, EDGE_WINDOW // 2)
        mask = lax.reduce_window(mask, 0.0, lax.add, window, [1] * mask.ndim, padding)
    return mask / EDGE_WINDOW**2


def _weighted_iou_loss(
    logits: Float[Array, "*b h w 1"], mask: Float[Array, "*b h w 1"], weights: Float[Array, "*b h w 1"]
) -> Float[Array, ""]:
    probability = jax.nn.sigmoid(logits)
    intersection = _sum(weights * probability * mask)
    total = _sum(weights * (probability + mask))
    return global_mean(1 - (intersection + 1) / (total - intersection + 1))


def _sum(image: Float[Array, "*b h w 1"]) -> Float[Array, "*b"]:
    return image.sum((-3, -2, -1))
