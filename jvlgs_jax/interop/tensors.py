"""How one tensor of ours corresponds to one of a PyTorch file."""

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np

Change = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Layout:
    """A pair of inverse changes of shape or type."""

    to_ours: Change
    to_theirs: Change


@dataclasses.dataclass(frozen=True)
class Tensor:
    """One correspondence. `layer` selects a row of a tensor of ours that stacks the blocks of a stage."""

    ours: str
    theirs: str
    layout: Layout
    layer: int | None = None


def _keep(x: np.ndarray) -> np.ndarray:
    return x


KEEP = Layout(_keep, _keep)
MATRIX = Layout(np.transpose, np.transpose)  # (out, in) <-> (in, out)
CONV_KERNEL = Layout(lambda x: x.transpose(2, 3, 1, 0), lambda x: x.transpose(3, 2, 0, 1))  # OIHW <-> HWIO
DEPTHWISE_KERNEL = Layout(lambda x: x[:, 0].transpose(1, 2, 0), lambda x: x.transpose(2, 0, 1)[:, None])
COUNTER = Layout(lambda x: x.astype(np.int32), lambda x: x.astype(np.int64))

# What a layer holds: (our leaf, their leaf, layout). Leaves that our layer lacks, such as a bias, are left out later.
Kind = tuple[tuple[str, str, Layout], ...]

_BIAS = ("bias", "bias", KEEP)
LINEAR: Kind = (("kernel", "weight", MATRIX), _BIAS)
CONV: Kind = (("kernel", "weight", CONV_KERNEL), _BIAS)
DEPTHWISE: Kind = (("kernel", "weight", DEPTHWISE_KERNEL), _BIAS)
NORM: Kind = (("scale", "weight", KEEP), _BIAS)
BATCH_NORM: Kind = (
    *NORM,
    ("mean", "running_mean", KEEP),
    ("var", "running_var", KEEP),
    ("count", "num_batches_tracked", COUNTER),
)
EMBEDDING: Kind = (("embedding", "weight", KEEP),)

# A table of layers: (our path, their prefix, kind), both relative to some module.
Table = Iterable[tuple[str, str, Kind]]


def expand(table: Table, ours: str, theirs: str, layer: int | None = None) -> list[Tensor]:
    """The tensors of a table whose paths begin with `ours` + "/" and `theirs` + "."."""
    return [
        Tensor(f"{ours}/{our_layer}/{our_leaf}", f"{theirs}.{their_layer}.{their_leaf}".lstrip("."), layout, layer)
        for our_layer, their_layer, kind in table
        for our_leaf, their_leaf, layout in kind
    ]
