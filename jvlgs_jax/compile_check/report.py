"""A compile check as text and as JSON."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from jvlgs_jax.compile_check.check import INFERENCE, Check
from jvlgs_jax.compile_check.compilation import Compilation
from jvlgs_jax.compile_check.targets import Target
from jvlgs_jax.experiment import Experiment
from jvlgs_jax.training.chips import GIB


def text(check: Check, experiment: Experiment, target: Target) -> str:
    """Returns a few lines on one program."""
    return "\n".join(
        [
            _headline(check, experiment, target),
            f"  memory       {_memory(check.compilation, target)}",
            *(f"  {line}" for line in _messages(check)),
            *(f"  {line}" for line in _traffic(check.compilation)),
            f"  arithmetic   {_arithmetic(check)}",
            f"  time         {_time(check)}",
        ]
    )


def as_json(checks: Sequence[Check], target: Target) -> str:
    """Returns all numbers of the checks, in bytes, operations and seconds."""
    described = {"name": target.name, "chip": target.chip.kind, "devices": target.devices, "memory": target.chip.memory}
    return json.dumps({"target": described, "programs": [_as_dict(check) for check in checks]}, indent=2)


def _as_dict(check: Check) -> dict[str, Any]:
    return dataclasses.asdict(check)


def _headline(check: Check, experiment: Experiment, target: Target) -> str:
    height, width = experiment.data.input_size
    size = f"{height} x {width}"
    if check.program == INFERENCE:
        return f"{check.program}: 1 clip, {size}, float32, for one {target.chip.kind}"
    train = experiment.train
    return (
        f"{check.program}: {check.clips // check.devices} clips a device, {check.clips} in all, "
        f"of {experiment.data.clips.length} frames, {size}, {train.precision}, remat {train.remat}, "
        f"for {check.devices} x {target.chip.kind}"
    )


def _memory(compilation: Compilation, target: Target) -> str:
    limit = f"{_gib(target.chip.memory)} GiB a device"
    if compilation.memory is None:
        return f"does not fit: needs {_gib(compilation.needed)} of {limit} (the compiler gave up)"
    memory = compilation.memory
    parts = {
        "arguments": memory.arguments,
        "outputs": memory.outputs,
        "temporaries": memory.temporaries,
        "code": memory.code,
    }
    total = " + ".join(f"{name} {_gib(size)}" for name, size in parts.items())
    return f"{total} = {_gib(memory.total)} of {limit}: {'fits' if compilation.fits else 'does not fit'}"


def _messages(check: Check) -> list[str]:
    found = check.compilation.collectives
    if found is None:
        made_none = check.compilation.memory is None
        why = "the compiler made no program" if made_none else "JAX cannot read what the compiler made"
        return [f"collectives  not told, nor is traffic: {why}"]
    if not found:
        return ["collectives  none"]
    return [
        f"{'' if i else 'collectives':12} {c.kind} {c.dtype}: {c.count}, {_mib(c.bytes)} MiB a device"
        for i, c in enumerate(found)
    ]


def _traffic(compilation: Compilation) -> list[str]:
    found = compilation.traffic
    if found is None:
        return []
    kernels = f"; arguments and results of kernels {_gib(found.kernels)} GiB" if found.kernels else ""
    return [f"traffic      {_gib(found.outside)} GiB a device from and to main memory{kernels}"]


def _arithmetic(check: Check) -> str:
    each = check.flops / check.devices
    again = check.executed_flops / check.flops - 1
    more = f", and {again:.0%} more to compute again what is not kept" if again else ""
    return f"{each / 1e12:.3f} TFLOP a device{more}; matrix products and convolutions, counted from shapes"


def _time(check: Check) -> str:
    found = check.compilation
    return (
        f"trace {check.trace_seconds:.0f} s, lower {found.lowering_seconds:.0f} s, "
        f"compile {found.compile_seconds:.0f} s ({found.compile_cpu_seconds:.0f} s of processor time)"
    )


def _gib(size: int) -> str:
    return f"{size / GIB:.2f}"


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f}"
