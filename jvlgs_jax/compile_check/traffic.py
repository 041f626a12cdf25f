"""What a compiled program reads from and writes to main memory, read from its HLO text."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from jvlgs_jax.compile_check.hlo import ARRAY, called, computations, elements, loop

_KERNELS = ("tpu_custom_call", "__gpu$xla.gpu.triton", "__cudnn")  # how names of calls of a kernel begin
_TARGET = re.compile(r'custom_call_target="([^"]*)"')
_INSTRUCTION = re.compile(
    r"\s*(?P<root>ROOT )?%?(?P<name>[\w.-]+) = (?P<type>.*?[\])}]) (?P<opcode>[a-z][a-z0-9-]*)\((?P<operands>[^()]*)\)"
)
_OPERAND = re.compile(r"%?([A-Za-z_][\w.-]*)(?=,|$)")
_ON_CHIP = re.compile(r"S\([1-9]\d*\)")
_TILE = re.compile(r"T\(([\d,]+)\)")

# What only names memory that something else reads or writes; the second half of what runs beside other work.
_FREE = {
    *("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all", "partition-id", "replica-id"),
    *("copy-done", "slice-done", "async-update", "async-done", "send-done", "recv-done", "optimization-barrier"),
}
_CALLS = {"call", "conditional", "async-start"}
_PARTIAL = {"slice", "dynamic-slice", "gather"}  # read no more of their first operand than they return


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Bytes that one run of a program moves from and to the main memory of each device, as its arrays are laid out.

    Attributes:
        outside: of kernels: what each operation reads and writes, those in loops as often as the loops turn.
        kernels: the arguments and results of hand-written kernels; what a kernel reads twice counts once.
    """

    outside: int
    kernels: int


@dataclass(frozen=True)
class _Instruction:
    """One line: `name = type opcode(operands)`."""

    name: str
    type: str
    opcode: str
    operands: tuple[str, ...]
    is_root: bool
    line: str


_Computation = dict[str, _Instruction]


def traffic(hlo: str) -> Traffic:
    """Returns what a compiled module moves.

    An array counts as often as an operation reads or writes it, with the empty lanes of its layout, unless it lies in
    fast memory on the chip. Of what is cut out of an array, or written into its place in one, only that part counts. Of
    a choice every branch counts.
    """
    entry, found = computations(hlo)
    parsed = {name: _instructions(lines) for name, lines in found.items()}
    outside = kernels = 0

    def visit(name: str, times: int) -> None:
        """Counts a computation that runs so many times, and those that it calls."""
        nonlocal outside, kernels
        computation = parsed.get(name, {})
        for one in computation.values():
            if turning := loop(one.line, found):
                body, turns = turning
                visit(body, times * turns)
            elif one.opcode in _CALLS:
                for inner in called(one.line):
                    visit(inner, times)
            elif one.opcode == "custom-call":
                target = _TARGET.search(one.line)
                if target and target[1].startswith(_KERNELS):
                    kernels += times * (_size(one.type) + sum(map(_size, _operand_types(one, computation))))
            elif one.opcode == "fusion":
                inner = parsed.get(next(iter(called(one.line)), ""), {})
                outside += times * _fused(one, _operand_types(one, computation), inner)
            elif one.opcode not in _FREE:
                outside += times * _accessed(one, _operand_types(one, computation))

    visit(entry, 1)
    return Traffic(outside=outside, kernels=kernels)


def _accessed(one: _Instruction, operands: Sequence[str]) -> int:
    """Bytes of an operation on its own."""
    if one.opcode in _PARTIAL:
        return _size(operands[0], _count(one.type)) + _size(one.type)
    if one.opcode == "dynamic-update-slice":
        return _size(operands[1]) + _size(operands[0], _count(operands[1]))
    if one.opcode in ("copy-start", "slice-start"):  # returns source, destination and a flag
        ends = [array[0] for array in ARRAY.finditer(one.type)][:2]
        return sum(_size(end, min(map(_count, ends))) for end in ends)
    return sum(map(_size, operands)) + _size(one.type)


def _fused(one: _Instruction, operands: Sequence[str], inner: _Computation) -> int:
    """Bytes of a fusion: of its operands what is taken of them, of its results what is written."""
    root = next((x for x in inner.values() if x.is_root), None)
    if root is None:  # written in a way that is not known here
        return sum(map(_size, operands)) + _size(one.type)
    read = sum(_size(x.type, _taken(x, inner)) for x in inner.values() if x.opcode == "parameter")
    results = [inner[name] for name in root.operands if name in inner] if root.opcode == "tuple" else [root]
    return read + sum(_size(x.type, _written(x, inner)) for x in results)


def _taken(value: _Instruction, inner: _Computation) -> int:
    """Elements of a value that a fusion reads: all, unless parts of it are cut out or overwritten."""
    whole, taken = _count(value.type), 0
    users = [x for x in inner.values() if value.name in x.operands]
    for user in users:
        in_front = user.operands[0] == value.name
        if user.opcode in _PARTIAL and in_front:
            taken += _count(user.type)
        elif user.opcode == "bitcast":
            taken += _taken(user, inner)
        elif user.opcode != "dynamic-update-slice" or not in_front:
            return whole
    return min(taken, whole)


def _written(value: _Instruction, inner: _Computation) -> int:
    """Elements of a fusion's result that it writes: all, unless it puts a part into its place."""
    while value.opcode == "bitcast" and value.operands[0] in inner:
        value = inner[value.operands[0]]
    in_place = value.opcode == "dynamic-update-slice" and value.operands[1] in inner
    return _count(inner[value.operands[1]].type if in_place else value.type)


def _instructions(lines: Sequence[str]) -> _Computation:
    matches = [(line, _INSTRUCTION.match(line)) for line in lines]
    return {
        found["name"]: _Instruction(
            name=found["name"],
            type=found["type"],
            opcode=found["opcode"],
            operands=tuple(_OPERAND.findall(found["operands"])),
            is_root=found["root"] is not None,
            line=line,
        )
        for line, found in matches
        if found
    }


def _operand_types(one: _Instruction, computation: _Computation) -> list[str]:
    return [computation[name].type if name in computation else "" for name in one.operands]


def _count(hlo_type: str) -> int:
    return sum(elements(array) for array in ARRAY.finditer(hlo_type))


def _size(hlo_type: str, taken: int | None = None) -> int:
    """Bytes of arrays in main memory, with the empty lanes of their layout; of `taken` elements, their share."""
    total = 0
    for array in ARRAY.finditer(hlo_type):
        layout = array["layout"] or ""
        if _ON_CHIP.search(layout):
            continue
        bytes_ = _laid_out(array, layout) * int(array["bits"] or 8) // 8
        total += bytes_ if taken is None else bytes_ * taken // max(1, elements(array))
    return total


def _laid_out(array: re.Match[str], layout: str) -> int:
    """Elements of an array, empty lanes included: the first tile rounds up the axes that lie closest together."""
    shape = [int(n) for n in array["shape"].split(",") if n]
    order = [int(n) for n in (array["order"] or "").split(",") if n]
    tile = _TILE.search(layout)
    for axis, side in zip(order, reversed([int(n) for n in tile[1].split(",")]) if tile else (), strict=False):
        shape[axis] = -(-shape[axis] // side) * side
    return math.prod(shape)
