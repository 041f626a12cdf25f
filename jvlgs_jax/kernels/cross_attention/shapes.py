"""The attentions of the network as it is used: what tests, benchmarks and compile checks go through."""

import math
from dataclasses import dataclass, replace

import jax
from jaxtyping import Array

Shaped = Array | jax.ShapeDtypeStruct
"""An array of which only shape and dtype are read."""

# Of the video encoders, by stage. b1, b3 and b4 attend as b2 and b5 do, in other depths.
_HEAD_WIDTHS = {"b0": 32, "b2": 64, "b5": 64}
_DEPTHS = {"b0": (2, 2, 2, 2), "b2": (3, 4, 6, 3), "b5": (3, 6, 40, 3)}
_HEADS = (1, 2, 5, 8)
ENCODERS = tuple(_DEPTHS)
SIZES = ((352, 352), (256, 320))
BATCHES = (1, 8, 32)
_FRAMES, _PAIRS = 3, 2  # of a clip, which has one window
_FIRST_STRIDE = 4
_LAST_STRIDE = 32  # and that of the maps which keys and values come from, in every stage
_POOLS = (2, 4, 8)
_CHANNELS, _PROMPT_HEADS, _PROMPTS = 32, 4, 4


@dataclass(frozen=True, kw_only=True)
class AttentionShape:
    """One attention: `batch` times `queries` against `keys` in each of `heads`.

    Attributes:
        name: where it is, such as "b5 stage 3, 352x352, batch 8".
        calls: how many times one forward call of that network does it.
    """

    name: str
    batch: int
    queries: int
    keys: int
    heads: int
    width: int
    value_width: int
    calls: int = 1

    @property
    def scale(self) -> float:
        """One that keeps scores of random arrays as large as they are in a trained network."""
        return self.width**-0.5

    @property
    def flops(self) -> int:
        """Multiplications and additions of the matrix products of one call, forward."""
        return 2 * self.batch * self.heads * self.queries * self.keys * (self.width + self.value_width)

    @property
    def gradient_flops(self) -> int:
        """The same of forward and gradient, where the gradient needs the scores again."""
        products = 3 * self.width + 2 * self.value_width
        return self.flops + 2 * self.batch * self.heads * self.queries * self.keys * products

    def arrays(self) -> dict[str, tuple[int, ...]]:
        """The shapes of query, key and value."""
        return {
            "query": (self.batch, self.queries, self.heads, self.width),
            "key": (self.batch, self.keys, self.heads, self.width),
            "value": (self.batch, self.keys, self.heads, self.value_width),
        }

    def smaller(self, queries: int = 200, keys: int = 40, batch: int = 2) -> "AttentionShape":
        """The same heads and widths with at most so many positions and rows; ragged where this is."""
        return replace(
            self,
            batch=min(self.batch, batch),
            queries=min(self.queries, queries - 1 + self.queries % 2),
            keys=min(self.keys, keys - 1 + self.keys % 2),
        )


def network_shapes(encoder: str, size: tuple[int, int], batch: int) -> tuple[AttentionShape, ...]:
    """Returns every attention of a network in one call on `batch` clips of three frames of `size`.

    `encoder` is one of ENCODERS: the spatial-reduction attention of its four stages, the correlation of the three
    levels and, of networks with prompt attention, the fusion of each level.
    """
    where = f"{size[0]}x{size[1]}, batch {batch}"
    stages = [_stage(encoder, stage, size, batch, where) for stage in range(4)]
    levels = [make(level, size, batch, where) for level in range(3) for make in (_correlation, _prompts)]
    return (*stages, *levels)


def _stage(encoder: str, stage: int, size: tuple[int, int], batch: int, where: str) -> AttentionShape:
    return AttentionShape(
        name=f"{encoder} stage {stage + 1}, {where}",
        batch=batch * _FRAMES,
        queries=math.prod(_map(size, _FIRST_STRIDE << stage)),
        keys=math.prod(_map(size, _LAST_STRIDE)),
        heads=_HEADS[stage],
        width=_HEAD_WIDTHS[encoder],
        value_width=_HEAD_WIDTHS[encoder],
        calls=_DEPTHS[encoder][stage],
    )


def _correlation(level: int, size: tuple[int, int], batch: int, where: str) -> AttentionShape:
    height, width = _map(size, 2 * _FIRST_STRIDE << level)
    return AttentionShape(
        name=f"correlation {level + 1}, {where}",
        batch=batch * _PAIRS,
        queries=height * width,
        keys=(height // _POOLS[level]) * (width // _POOLS[level]),
        heads=1,
        width=2 * _CHANNELS,
        value_width=_CHANNELS,
    )


def _prompts(level: int, size: tuple[int, int], batch: int, where: str) -> AttentionShape:
    return AttentionShape(
        name=f"prompts {level + 1}, {where}",
        batch=1,  # all positions of all frames share the prompts
        queries=batch * _FRAMES * math.prod(_map(size, 2 * _FIRST_STRIDE << level)),
        keys=_PROMPTS,
        heads=_PROMPT_HEADS,
        width=_CHANNELS // _PROMPT_HEADS,
        value_width=_CHANNELS // _PROMPT_HEADS,
    )


def _map(size: tuple[int, int], stride: int) -> tuple[int, int]:
    return size[0] // stride, size[1] // stride


def all_shapes() -> tuple[AttentionShape, ...]:
    """Returns the attentions of b0, b2 and b5 at both sizes and all batches; those that they share, once."""
    named = {
        shape.name: shape
        for encoder in ENCODERS
        for size in SIZES
        for batch in BATCHES
        for shape in network_shapes(encoder, size, batch)
    }
    return tuple(named.values())
