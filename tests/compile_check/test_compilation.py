import time
from types import SimpleNamespace

import jax
import jax.numpy as jnp

from jvlgs_jax.compile_check import compilation
from jvlgs_jax.compile_check.check import TRAINING, Check
from jvlgs_jax.compile_check.compilation import compile_for
from jvlgs_jax.compile_check.report import text
from jvlgs_jax.compile_check.targets import find_target
from jvlgs_jax.experiment import Experiment


def _product(size):
    return jax.jit(lambda x: x @ x).trace(jax.ShapeDtypeStruct((size, size), jnp.float32))


def _lines(found, target):
    check = Check(program=TRAINING, clips=1, devices=1, flops=1, executed_flops=1, trace_seconds=0.0, compilation=found)
    return text(check, Experiment(), target).splitlines()


def test_the_time_of_the_compiler_is_not_that_of_reading_what_it_made(monkeypatch):
    late = 0.0

    def slow(hlo):
        nonlocal late
        late = 1e6
        return ()

    clocks = SimpleNamespace(monotonic=lambda: time.monotonic() + late, process_time=lambda: time.process_time() + late)
    monkeypatch.setattr(compilation, "time", clocks)
    monkeypatch.setattr(compilation, "collectives", slow)
    found = compile_for(find_target("v5e-1").chip, _product(4))
    assert late
    assert max(found.lowering_seconds, found.compile_seconds, found.compile_cpu_seconds) < late / 2


def test_of_a_program_that_does_not_fit_no_messages_are_told(monkeypatch):
    def refuses(lowered):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Ran out of memory in hbm. Used 35.2G of 15.75G hbm.")

    target = find_target("v5e-1")
    monkeypatch.setattr(jax.stages.Lowered, "compile", refuses)
    found = compile_for(target.chip, _product(4))
    assert (found.fits, found.needed, found.collectives, found.traffic) == (False, int(35.2 * 2**30), None, None)
    assert "  collectives  not told, nor is traffic: the compiler made no program" in _lines(found, target)


def test_a_program_that_jax_cannot_read_has_its_memory_told_all_the_same(monkeypatch):
    def unreadable(compiled):
        raise jax.errors.JaxRuntimeError("INTERNAL: RET_CHECK failure prev_op->IsAsynchronous()")

    target = find_target("v5e-1")
    read = compile_for(target.chip, _product(8))
    monkeypatch.setattr(jax.stages.Compiled, "as_text", unreadable)
    found = compile_for(target.chip, _product(16))
    assert (read.collectives, read.traffic is not None) == ((), True)
    assert (found.collectives, found.traffic, found.fits) == (None, None, True)
    assert found.memory.arguments == 16 * 16 * 4
    lines = _lines(found, target)
    assert "  collectives  not told, nor is traffic: JAX cannot read what the compiler made" in lines
    assert not any(line.startswith("  traffic") for line in lines)
