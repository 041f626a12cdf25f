"""Prototypes: what gas looks like to the decoder, on average, against what the background looks like.

The class of a position is that of the nearer prototype (Snell et al., 2017, arXiv:1703.05175). The difference of its
squared distances to the two is linear in the feature, so that it is a 1 x 1 convolution: it takes the place of the
decoder's head, and the network stays one like any other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PyTree

from jvlgs_jax.data.resize import resize
from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.network import BehindEncoder, Forward, Network, Variables
from jvlgs_jax.fewshot.parameter_subset import merge_parameters, split_parameters
from jvlgs_jax.fewshot.pool import Pool
from jvlgs_jax.training.variable_paths import variable_path

HEAD = ("decoder/head/(kernel|bias)",)


@dataclass(frozen=True)
class Prototypes:
    """Puts a head of prototypes in place of the learned one, wholly or in part.

    Attributes:
        shares: how many shares of the new head in a mixture with the learned one are tried, evenly spaced up to 1.
        calibration_steps: of Adam on the scale and the offset of the new head's logits.
    """

    shares: int = 4
    calibration_steps: int = 100

    starts_anew = False
    variants = 1  # a mean over variants of a frame would hardly differ

    def __post_init__(self) -> None:
        for name in ("shares", "calibration_steps"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}, the least is 1: use a larger one")

    @property
    def amounts(self) -> tuple[float, ...]:
        """Shares of the new head."""
        return tuple(k / self.shares for k in range(self.shares + 1))

    @property
    def unjudged(self) -> int:
        """The candidate half-way."""
        return self.shares // 2

    def forward(self, network: Network, variables: Variables) -> Forward:
        """The encoder is left alone."""
        return BehindEncoder(network)

    def candidates(
        self, forward: Forward, variables: Variables, pool: Pool, members: Sequence[int]
    ) -> Iterator[Variables]:
        """Yields mixtures of the learned head and of the members' prototypes; UserError where no member shows gas."""
        yield variables
        features = jnp.concatenate([compute_features(forward, variables, pool.recorded(k)) for k in members])
        size = (features.shape[2], features.shape[3])
        gas = shares(np.concatenate([pool.masks[k][:1, 0] for k in members]), size)
        head = nearest_prototype(features, gas)
        head = calibrated(head, features, gas, fusion_weights(forward, variables), self.calibration_steps)
        for share in self.amounts[1:]:
            yield replace(variables, params=with_head(variables.params, head, share))


Head = tuple[Float[Array, "1 1 c 1"], Float[Array, "1"]]


@partial(jax.jit, static_argnames="forward")
def compute_features(forward: Forward, variables: Variables, inputs: PyTree) -> Float[Array, "b 2 _ _ c"]:
    """What the decoder's head sees of each frame pair in the main look."""
    model = forward.network.model(variables)
    main = forward.network.sizes.main_features(inputs)
    return model.decoder.features(model.decoder_levels(main, variables.text))


def shares(masks: Float[np.ndarray, "b H W 1"], size: tuple[int, int]) -> Float[Array, "b h w 1"]:
    """How much of each position of a smaller map is gas."""
    return jnp.stack([resize(mask, size) for mask in masks])


def nearest_prototype(features: Float[Array, "b k h w c"], gas: Float[Array, "b h w 1"]) -> Head:
    """The 1 x 1 convolution whose logit is how much nearer a feature is to gas than to background.

    A prototype is the mean of the features, weighted by how much of each position is gas, or is none. UserError where
    there is no gas, or nothing else.
    """
    gas = gas[:, None]
    if not float(gas.sum()) > 0 or not float((1 - gas).sum()) > 0:
        raise UserError("prototypes need frames with gas on a part of the picture: annotate more")

    def prototype(weights: Float[Array, "b 1 h w 1"]) -> Float[Array, " c"]:
        weights = jnp.broadcast_to(weights, (*features.shape[:-1], 1))
        return (weights * features).sum((0, 1, 2, 3)) / weights.sum()

    inside, outside = prototype(gas), prototype(1 - gas)
    # |x - outside|^2 - |x - inside|^2 = 2 x (inside - outside) + |outside|^2 - |inside|^2
    kernel = 2 * (inside - outside)
    bias = jnp.square(outside).sum() - jnp.square(inside).sum()
    return kernel.reshape(1, 1, -1, 1), bias.reshape(1)


def with_head(params: PyTree, head: Head, share: float) -> PyTree:
    """The parameters with a mixture of their own head and another."""
    new = {"decoder/head/kernel": head[0], "decoder/head/bias": head[1]}
    own, others = split_parameters(params, HEAD)
    mixed = jax.tree_util.tree_map_with_path(
        lambda path, leaf: (1 - share) * leaf + share * new[variable_path(path)].astype(leaf.dtype), own
    )
    return merge_parameters(mixed, others)


@partial(jax.jit, static_argnames="forward")
def fusion_weights(forward: Forward, variables: Variables) -> Float[Array, "3"]:
    """What the fusion of the frame pairs does where both logits hardly change with place: two weights and an offset."""
    side = 32  # pixels, so that the middle is far from the border
    fusion = forward.network.model(variables).pair_fusion
    nothing, first, second = (
        fusion(jnp.broadcast_to(jnp.array(pair).reshape(1, 2, 1, 1, 1), (1, 2, side, side, 1)))[
            0, side // 2, side // 2, 0
        ]
        for pair in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))
    )
    return jnp.stack([first - nothing, second - nothing, nothing])


@partial(jax.jit, static_argnames="steps")
def calibrated(
    head: Head,
    features: Float[Array, "b 2 h w c"],
    gas: Float[Array, "b h w 1"],
    fusion: Float[Array, "3"],
    steps: int,
) -> Head:
    """The head with that scale and offset of its logits that make the best probabilities of them.

    They minimise the cross-entropy plus one minus the soft IoU, as the structure loss does, on fused logits.
    """
    kernel, bias = head
    distance = features @ kernel[0, 0] + bias
    unit = jnp.std(distance) + 1e-6

    def loss(scale_offset: Float[Array, "2"]) -> Float[Array, ""]:
        pairs = jnp.exp(scale_offset[0]) * distance / unit + scale_offset[1]
        logits = fusion[0] * pairs[:, 0] + fusion[1] * pairs[:, 1] + fusion[2]
        probability = jax.nn.sigmoid(logits)
        both, sum_ = (probability * gas).sum((1, 2, 3)), (probability + gas).sum((1, 2, 3))
        iou = (both + 1) / (sum_ - both + 1)
        return optax.sigmoid_binary_cross_entropy(logits, gas).mean() + (1 - iou).mean()

    optimizer = optax.adam(0.1)

    def step(carry: tuple[Array, optax.OptState], _: None) -> tuple[tuple[Array, optax.OptState], None]:
        value, memory = carry
        updates, memory = optimizer.update(jax.grad(loss)(value), memory, value)
        return (value + jnp.asarray(updates), memory), None

    start = jnp.array([0.0, -1.0])
    (value, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), length=steps)
    scale = jnp.exp(value[0]) / unit
    return scale * kernel, scale * bias + value[1]
