"""What the devices of a compiled program send each other, read from its HLO text."""

import re
from collections import Counter
from dataclasses import dataclass

from jvlgs_jax.compile_check.hlo import ARRAY, called, computations, elements, loop

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute", "collective-broadcast")

# Of an operation in two halves the second one counts: its result is what arrives.
_COLLECTIVE = re.compile(rf" = (?P<type>.+?) (?P<kind>{'|'.join(KINDS)})(?:-done)?\(")
_CHANNEL = re.compile(r"channel_id=(\d+)")


@dataclass(frozen=True, kw_only=True)
class Collective:
    """All collective operations of one kind and element type in one run of a program.

    Attributes:
        kind: one of KINDS.
        dtype: of the elements, as HLO writes it: "f32", "bf16".
        count: operations, each as often as it runs; one on arrays of two types counts for each.
        bytes: of what arrives, on each device.
    """

    kind: str
    dtype: str
    count: int
    bytes: int


def collectives(hlo: str) -> tuple[Collective, ...]:
    """Returns the collective operations of a compiled module, those in loops as often as the loops turn.

    A loop turns as often as the compiler wrote down, else as its condition's only constant says; one whose turns depend
    on data counts once. Of a choice every branch counts.
    """
    entry, found = computations(hlo)
    counts: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    # TPU writes an operation that overlaps others once for each of its stages, inside fusions. Their channel alone does
    # not tell: all operations of a `shard_map` may share one.
    staged: set[tuple] = set()

    def visit(name: str, times: int, in_stage: bool = False) -> None:
        for line in found.get(name, ()):
            if turning := loop(line, found):
                body, turns = turning
                visit(body, times * turns)
                continue
            for inner in called(line):
                visit(inner, times, in_stage or " fusion(" in line or " async-" in line)
            collective, channel = _COLLECTIVE.search(line), _CHANNEL.search(line)
            if collective is None:
                continue
            arriving = _sizes(collective["type"])
            operation = channel and channel[1], collective["kind"], *arriving.items()
            if channel is not None and operation in staged:
                continue
            if in_stage:
                staged.add(operation)
            for dtype, size in arriving.items():
                counts[collective["kind"], dtype] += times
                sizes[collective["kind"], dtype] += times * size

    visit(entry, 1)
    return tuple(
        Collective(kind=kind, dtype=dtype, count=counts[kind, dtype], bytes=sizes[kind, dtype])
        for kind, dtype in sorted(counts)
    )


def _sizes(hlo_type: str) -> Counter[str]:
    """Bytes by element type."""
    sizes: Counter[str] = Counter()
    for array in ARRAY.finditer(hlo_type):
        sizes[array["dtype"]] += elements(array) * int(array["bits"] or 8) // 8
    return sizes
