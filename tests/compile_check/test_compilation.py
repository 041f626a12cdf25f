import jax
import jax.numpy as jnp

from jvlgs_jax.compile_check.check import TRAINING, Check
from jvlgs_jax.compile_check.compilation import compile_for
from jvlgs_jax.compile_check.report import text
from jvlgs_jax.compile_check.targets import find_target
from jvlgs_jax.experiment import Experiment


def _product(size):
    return jax.jit(lambda x: x @ x).trace(jax.ShapeDtypeStruct((size, size), jnp.float32))


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
    check = Check(program=TRAINING, clips=1, devices=1, flops=1, executed_flops=1, trace_seconds=0.0, compilation=found)
    lines = text(check, Experiment(), target).splitlines()
    assert "  collectives  not told, nor is traffic: JAX cannot read what the compiler made" in lines
    assert not any(line.startswith("  traffic") for line in lines)
