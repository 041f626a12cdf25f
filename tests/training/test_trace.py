from pathlib import Path

import jax.numpy as jnp
import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.training import trace
from jvlgs_jax.training.trace import PROFILE, Trace, parse_steps


def test_records_the_steps_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    heard = []
    monkeypatch.setattr(trace.jax.profiler, "start_trace", lambda folder: heard.append(f"start {Path(folder).name}"))
    monkeypatch.setattr(trace.jax.profiler, "stop_trace", lambda: heard.append("stop"))
    own = Trace(tmp_path, range(2, 4))
    for step in range(6):
        own.before_step(step)
        heard.append(f"step {step}")
    own.stop()
    assert heard == ["step 0", "step 1", f"start {PROFILE}", "step 2", "step 3", "stop", "step 4", "step 5"]


def test_a_training_that_ends_inside_stops_it(tmp_path: Path):
    own = Trace(tmp_path, range(0, 9))
    own.before_step(0)
    jnp.ones(3).sum().block_until_ready()
    own.stop()
    assert list((tmp_path / PROFILE).rglob("*.xplane.pb"))


def test_steps_are_two_numbers():
    assert parse_steps("10..20") == range(10, 20)
    assert not parse_steps("0..0")
    for text in ("10", "10..", "20..10", "a..b"):
        with pytest.raises(UserError, match=rf"--profile={text}: give two step numbers"):
            parse_steps(text)
