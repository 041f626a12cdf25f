"""What the devices of a compiled program send each other, read from its HLO text."""

import math
import re
from collections import Counter
from dataclasses import dataclass

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute", "collective-broadcast")

_HEADER = re.compile(r"(?P<entry>ENTRY )?%?(?P<name>[\w.-]+) \(.*\{\s*$")
# Of an operation in two halves the second one counts: its result is what arrives.
_COLLECTIVE = re.compile(rf" = (?P<type>.+?) (?P<kind>{'|'.join(KINDS)})(?:-done)?\(")
_CHANNEL = re.compile(r"channel_id=(\d+)")
_WHILE = re.compile(r" while\(.*condition=%?(?P<condition>[\w.-]+), body=%?(?P<body>[\w.-]+)")
_TURNS = re.compile(r'known_trip_count":\{"n":"(\d+)"')
_LIMIT = re.compile(r"= s\d+\[\]\S* constant\((\d+)\)")
_CALLED = re.compile(
    r"(?:calls|to_apply|branch_computations|true_computation|false_computation)=\{?([^}=]*?)(?:\}|, \w+=|$)"
)
_NAME = re.compile(r"%?([A-Za-z_][\w.-]*)")
_ARRAY = re.compile(r"\b(?P<dtype>pred|[a-z]+(?P<bits>\d+)\w*)\[(?P<shape>[\d,]*)\]")


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
    entry, computations = _computations(hlo)
    counts: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    # TPU writes an operation that overlaps others once for each of its stages, inside fusions. Their channel alone does
    # not tell: all operations of a `shard_map` may share one.
    staged: set[tuple] = set()

    def visit(name: str, times: int, in_stage: bool = False) -> None:
        for line in computations.get(name, ()):
            if loop := _WHILE.search(line):
                visit(loop["body"], times * _turns(line, computations.get(loop["condition"], [])))
                continue
            for called in _CALLED.findall(line):
                for inner in _NAME.findall(called):
                    visit(inner, times, in_stage or " fusion(" in line or " async-" in line)
            found, channel = _COLLECTIVE.search(line), _CHANNEL.search(line)
            if found is None:
                continue
            arriving = _sizes(found["type"])
            operation = channel and channel[1], found["kind"], *arriving.items()
            if channel is not None and operation in staged:
                continue
            if in_stage:
                staged.add(operation)
            for dtype, size in arriving.items():
                counts[found["kind"], dtype] += times
                sizes[found["kind"], dtype] += times * size

    visit(entry, 1)
    return tuple(
        Collective(kind=kind, dtype=dtype, count=counts[kind, dtype], bytes=sizes[kind, dtype])
        for kind, dtype in sorted(counts)
    )


def _computations(hlo: str) -> tuple[str, dict[str, list[str]]]:
    """The name of the entry, and the lines of each computation."""
    entry, lines, computations = "", [], {}
    for line in hlo.splitlines():
        if header := _HEADER.match(line):
            lines = computations.setdefault(header["name"], [])
            entry = header["name"] if header["entry"] else entry
        elif line.startswith(" "):
            lines.append(line)
    return entry, computations


def _turns(line: str, condition: list[str]) -> int:
    if known := _TURNS.search(line):
        return int(known[1])
    limits = [int(found[1]) for found in map(_LIMIT.search, condition) if found]
    return limits[0] if len(limits) == 1 else 1


def _sizes(hlo_type: str) -> Counter[str]:
    """Bytes by element type."""
    sizes: Counter[str] = Counter()
    for array in _ARRAY.finditer(hlo_type):
        elements = math.prod(int(n) for n in array["shape"].split(",") if n)
        sizes[array["dtype"]] += elements * int(array["bits"] or 8) // 8
    return sizes
