"""One compilation for devices that are not here, and what it says of memory, messages, traffic and time."""

import math
import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import jax
from jax.stages import Traced

from jvlgs_jax.compile_check.collectives import Collective, collectives
from jvlgs_jax.compile_check.traffic import Traffic, traffic
from jvlgs_jax.training.chips import Chip

_OVERFULL = re.compile(
    r"RESOURCE_EXHAUSTED.*?(?:Used |\()(?P<used>[\d.]+)(?P<unit>[KMGT]).*?hbm", re.DOTALL | re.IGNORECASE
)
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes that a program takes on each device.

    Attributes:
        arguments: what it is given, donated or not.
        outputs: what it returns, but for what takes the place of donated arguments.
        temporaries: what it needs in between, at most.
        code: the program itself.
    """

    arguments: int
    outputs: int
    temporaries: int
    code: int

    @property
    def total(self) -> int:
        """All of them together."""
        return self.arguments + self.outputs + self.temporaries + self.code


@dataclass(frozen=True, kw_only=True)
class Compilation:
    """What a compiler made of a program.

    Attributes:
        memory: its parts; None if the compiler gave up because the program does not fit.
        needed: bytes on each device; of a program that does not fit, the compiler's estimate after its own attempts.
        fits: whether that is no more than the chip has.
        collectives: what the devices send each other in one run; None if JAX cannot read the compiled program, and
            where `memory` is.
        traffic: what one run moves from and to each device's memory; None then, too.
        lowering_seconds: wall time from the trace to the compiler's input.
        compile_seconds: wall time of the compiler.
        compile_cpu_seconds: the same in processor time, of all its threads.
    """

    memory: Memory | None
    needed: int
    fits: bool
    collectives: tuple[Collective, ...] | None
    traffic: Traffic | None
    lowering_seconds: float
    compile_seconds: float
    compile_cpu_seconds: float


def compile_for(chip: Chip, traced: Traced) -> Compilation:
    """Compiles a traced program for the devices that its shapes name, which are of the kind `chip`."""
    start = time.monotonic()
    lowered = traced.lower()
    lowering_seconds, start, cpu_start = time.monotonic() - start, time.monotonic(), time.process_time()
    compiled = _compiled(lowered)
    seconds = {
        "lowering_seconds": lowering_seconds,
        "compile_seconds": time.monotonic() - start,
        "compile_cpu_seconds": time.process_time() - cpu_start,
    }
    if isinstance(compiled, int):
        return Compilation(memory=None, needed=compiled, fits=False, collectives=None, traffic=None, **seconds)
    memory, hlo = _memory(compiled), _text(compiled)
    return Compilation(
        memory=memory,
        needed=memory.total,
        fits=memory.total <= chip.memory,
        collectives=None if hlo is None else collectives(hlo),
        traffic=None if hlo is None else traffic(hlo),
        **seconds,
    )


@contextmanager
def kept_from_the_cache() -> Generator[None]:
    """Keeps what is compiled out of JAX's persistent cache: it cannot read programs for devices that are not here."""
    least = "jax_persistent_cache_min_compile_time_secs"
    before = getattr(jax.config, least)
    jax.config.update(least, math.inf)
    try:
        yield
    finally:
        jax.config.update(least, before)


def needed_bytes(complaint: str) -> int | None:
    """Returns the bytes that a compiler's complaint says a program needs on a device that has fewer; None if none."""
    found = _OVERFULL.search(complaint)
    return None if found is None else int(float(found["used"]) * _UNITS[found["unit"]])


def _compiled(lowered: jax.stages.Lowered) -> jax.stages.Compiled | int:
    """Returns the compiled program; for one that does not fit, the bytes that the compiler says it needs."""
    try:
        with kept_from_the_cache():
            return lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        needed = needed_bytes(str(error))
        if needed is None:
            raise
        return needed


def _text(compiled: jax.stages.Compiled) -> str | None:
    """Returns the compiled program as text; None if JAX cannot read it.

    A compiler may write what JAX takes for a mistake: JAX 0.10.2 asked for another operand of an asynchronous operation
    in what libtpu 0.0.52 had made of b5's training step for 64 chips of v6e.
    """
    try:
        return compiled.as_text() or ""
    except jax.errors.JaxRuntimeError:
        return None


def _memory(compiled: jax.stages.Compiled) -> Memory:
    sizes = compiled.memory_analysis()
    assert sizes is not None  # the compilers of all targets have one
    return Memory(
        arguments=sizes.argument_size_in_bytes,
        outputs=sizes.output_size_in_bytes - sizes.alias_size_in_bytes,
        temporaries=sizes.temp_size_in_bytes,
        code=sizes.generated_code_size_in_bytes,
    )
