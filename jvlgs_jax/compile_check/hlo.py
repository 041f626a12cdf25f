"""A compiled module's text (HLO), read line by line."""

import math
import re

_HEADER = re.compile(r"(?P<entry>ENTRY )?%?(?P<name>[\w.-]+) \(.*\{\s*$")
_WHILE = re.compile(r" while\(.*condition=%?(?P<condition>[\w.-]+), body=%?(?P<body>[\w.-]+)")
_TURNS = re.compile(r'known_trip_count":\{"n":"(\d+)"')
_LIMIT = re.compile(r"= s\d+\[\]\S* constant\((\d+)\)")
_CALLED = re.compile(
    r"(?:calls|to_apply|branch_computations|true_computation|false_computation)=\{?([^}=]*?)(?:\}|, \w+=|$)"
)
_NAME = re.compile(r"%?([A-Za-z_][\w.-]*)")
ARRAY = re.compile(
    r"\b(?P<dtype>pred|[a-z]+(?P<bits>\d+)\w*)\[(?P<shape>[\d,]*)\](?:\{(?P<order>[\d,]*)(?::(?P<layout>[^}]*))?\})?"
)
"""An array's type: element type and its bits, sizes, order of axes from the fastest one, tiles and memory."""

Computations = dict[str, list[str]]
"""The lines of each computation, by its name."""


def computations(hlo: str) -> tuple[str, Computations]:
    """Returns the name of the entry, and the lines of each computation."""
    entry, lines, found = "", [], {}
    for line in hlo.splitlines():
        if header := _HEADER.match(line):
            lines = found.setdefault(header["name"], [])
            entry = header["name"] if header["entry"] else entry
        elif line.startswith(" "):
            lines.append(line)
    return entry, found


def loop(line: str, found: Computations) -> tuple[str, int] | None:
    """Returns the body of the loop that a line begins, and how often it turns; None for other lines.

    That is what the compiler wrote down, else what the condition's only constant says, else 1.
    """
    begun = _WHILE.search(line)
    if begun is None:
        return None
    if known := _TURNS.search(line):
        return begun["body"], int(known[1])
    limits = [int(limit[1]) for limit in map(_LIMIT.search, found.get(begun["condition"], ())) if limit]
    return begun["body"], limits[0] if len(limits) == 1 else 1


def called(line: str) -> list[str]:
    """Returns the computations that a line calls, of a choice all of them."""
    return [name for names in _CALLED.findall(line) for name in _NAME.findall(names)]


def elements(array: re.Match[str]) -> int:
    """Returns how many elements an ARRAY has."""
    return math.prod(int(n) for n in array["shape"].split(",") if n)
