"""The network at one input size or at two: gas that one look misses, the other may see."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jvlgs_jax.errors import UserError
from jvlgs_jax.models.convolution import resize_bilinear
from jvlgs_jax.models.jvlgs import Jvlgs
from jvlgs_jax.models.pvt_v2 import STRIDES

Normalize = Callable[[Float[Array, "*b h w 3"]], Float[Array, "*b h w 3"]]
"""Takes input planes to the network's range, as `InputPlanes.normalize` does."""


@dataclass(frozen=True)
class InputSizes:
    """The (height, width) of each look at a frame; hashable, so that compiled programs can depend on it.

    With a coarse size, logits are the larger of both looks'. UserError where it does not go with the main one.

    Attributes:
        main: of planes that go in and of logits that come out.
        coarse: of a second look, divisible by 32 and no larger; None: one look.
    """

    main: tuple[int, int]
    coarse: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.coarse is None:
            return
        if min(self.coarse) < 1 or any(side % STRIDES[-1] for side in self.coarse):
            raise UserError(
                f"coarse size is {_written(self.coarse)}, both must be above 0 and divisible by {STRIDES[-1]}: "
                "choose another one, or none"
            )
        if any(side > limit for side, limit in zip(self.coarse, self.main, strict=True)):
            raise UserError(
                f"coarse size is {_written(self.coarse)}, larger than the input size, {_written(self.main)}: "
                "choose a smaller coarse size (`jvlgs calibrate --coarse-size`), or none"
            )

    def __str__(self) -> str:
        return " and ".join(map(_written, self.each))

    @property
    def each(self) -> list[tuple[int, int]]:
        """The size of each look, the main one first."""
        return [self.main] if self.coarse is None else [self.main, self.coarse]

    def looks(self, planes: Float[Array, "b t h w 3"], normalize: Normalize) -> list[Float[Array, "b t _ _ 3"]]:
        """What the network is shown of planes at the main size, in grey levels: a clip in its range for each look."""
        if self.coarse is None:
            return [normalize(planes)]
        shape = (*planes.shape[:2], *self.coarse, planes.shape[-1])
        # Before they are normalised, as in training: normalisation is not linear.
        coarse = jax.image.resize(planes, shape, "linear", antialias=True)
        return [normalize(planes), normalize(coarse)]

    def encode(
        self, model: Jvlgs, planes: Float[Array, "b t h w 3"], normalize: Normalize
    ) -> list[Float[Array, "b t _ _ _"]]:
        """Features of each frame, from planes at the main size: those of the main look, then those of the coarse one.

        Planes are in grey levels; `normalize` takes them to the network's range.
        """
        return encode_looks(model, self.looks(planes, normalize))

    def main_features(self, features: list[Float[Array, "b t _ _ _"]]) -> list[Float[Array, "b t _ _ _"]]:
        """Those of the main look alone: what `Jvlgs.encode_video` makes of it."""
        return features if self.coarse is None else features[: len(features) // 2]

    def segment(
        self, model: Jvlgs, features: list[Float[Array, "b t _ _ _"]], text: Float[Array, "p d"]
    ) -> Float[Array, "b w h w2 1"]:
        """Logits of the first w = t - 2 frames at the main size, from what `encode` makes of all."""
        main = self.main_features(features)
        logits = model.segment(main, text, self.main).logits
        if self.coarse is None:
            return logits
        coarse = model.segment(features[len(main) :], text, self.coarse).logits
        return jnp.maximum(logits, resize_bilinear(coarse, self.main))


def encode_looks(model: Jvlgs, looks: list[Float[Array, "b t _ _ 3"]]) -> list[Float[Array, "b t _ _ _"]]:
    """The feature maps of all looks, as `InputSizes.looks` gives them, one after the other."""
    return [level for clip in looks for level in model.encode_video(clip)]


def _written(size: tuple[int, int]) -> str:
    return "x".join(map(str, size))
