"""The attentions of the network as it is used: what tests, benchmarks and compile checks go through."""

from dataclasses import dataclass, replace

import jax
from jaxtyping import Array

Shaped = Array | jax.ShapeDtypeStruct
"""An array of which only shape and dtype are read."""

# Of video encoders "b0", "b2" and "b5": head widths and heads of the four stages. b1, b3 and b4 attend as b2 and b5 do.
_ENCODERS = {"b0": (32, (1, 2, 5, 8)), "b2": (64, (1, 2, 5, 8)), "b5": (64, (1, 2, 5, 8))}
_SIZES = ((352, 352), (256, 320))
_BATCHES = (1, 8, 32)
_FRAMES, _PAIRS = 3, 2  # of a clip, which has one window
_FIRST_STRIDE = 4
_REDUCTION = 32  # the stride of the maps that keys and values come from, in every stage
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

    `encoder` is "b0", "b2" or "b5": the spatial-reduction attention of its four stages, the correlation of the three
    levels and, of networks with prompt attention, the fusion of each level.
    """
    width, heads = _ENCODERS[encoder]
    depths = {"b0": (2, 2, 2, 2), "b2": (3, 4, 6, 3), "b5": (3, 6, 40, 3)}[encoder]
    where = f"{size[0]}x{size[1]}, batch {batch}"
    height, columns = size
    keys = (height // _REDUCTION) * (columns // _REDUCTION)
    found = []
    for stage, (count, depth) in enumerate(zip(heads, depths, strict=True)):
        stride = _FIRST_STRIDE << stage
        queries = (height // stride) * (columns // stride)
        found.append(
            AttentionShape(
                name=f"{encoder} stage {stage + 1}, {where}",
                batch=batch * _FRAMES,
                queries=queries,
                keys=keys,
                heads=count,
                width=width,
                value_width=width,
                calls=depth,
            )
        )
    for level, pool in enumerate(_POOLS):
        stride = 2 * _FIRST_STRIDE << level
        rows, positions = height // stride, columns // stride
        found.append(
            AttentionShape(
                name=f"correlation {level + 1}, {where}",
                batch=batch * _PAIRS,
                queries=rows * positions,
                keys=(rows // pool) * (positions // pool),
                heads=1,
                width=2 * _CHANNELS,
                value_width=_CHANNELS,
            )
        )
        found.append(
            AttentionShape(
                name=f"prompts {level + 1}, {where}",
                batch=1,
                queries=batch * _FRAMES * rows * positions,
                keys=_PROMPTS,
                heads=_PROMPT_HEADS,
                width=_CHANNELS // _PROMPT_HEADS,
                value_width=_CHANNELS // _PROMPT_HEADS,
            )
        )
    return tuple(found)


def all_shapes() -> tuple[AttentionShape, ...]:
    """Returns the attentions of b0, b2 and b5 at both sizes and all batches; those that they share, once."""
    named = {
        shape.name: shape
        for encoder in _ENCODERS
        for size in _SIZES
        for batch in _BATCHES
        for shape in network_shapes(encoder, size, batch)
    }
    return tuple(named.values())
