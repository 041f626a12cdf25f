import json
import math
from pathlib import Path

import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.training.writers import RECORD, JsonLines, MetricWriter


def writer_of(workdir: Path, start: int) -> MetricWriter:
    sinks = [JsonLines(workdir / RECORD, start)]
    return MetricWriter(sinks, start, give_up=lambda step: f"the last good checkpoint is {step - 1}")


def record(workdir: Path) -> list[dict]:
    return [json.loads(line) for line in (workdir / RECORD).read_text().splitlines()]


def test_one_line_a_step(tmp_path: Path):
    with writer_of(tmp_path, 0) as writer:
        writer.write(0, {"loss": 2.0})
        writer.write(1, {"evaluation/j": 0.5})
        writer.write(1, {"loss": 1.0})
    assert record(tmp_path) == [{"step": 0, "loss": 2.0}, {"step": 1, "evaluation/j": 0.5, "loss": 1.0}]


def test_after_a_resume_every_step_is_there_once(tmp_path: Path):
    with writer_of(tmp_path, 0) as writer:
        for step in range(5):
            writer.write(step, {"loss": float(step)})
    with writer_of(tmp_path, 3) as writer:
        for step in range(3, 6):
            writer.write(step, {"loss": 10.0 + step})
    assert [line["loss"] for line in record(tmp_path)] == [0, 1, 2, 13, 14, 15]


def test_half_a_line_of_a_killed_run_is_dropped(tmp_path: Path):
    (tmp_path / RECORD).write_text('{"step": 0, "loss": 1.0}\n{"step": 1, "lo')
    with writer_of(tmp_path, 1) as writer:
        writer.write(1, {"loss": 0.5})
    assert record(tmp_path) == [{"step": 0, "loss": 1.0}, {"step": 1, "loss": 0.5}]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_stops_at_a_number_that_is_not_finite(tmp_path: Path, value: float):
    with writer_of(tmp_path, 0) as writer:
        writer.write(0, {"loss": 1.0})
        writer.write(1, {"loss": 0.5, "gradient_norm": value})
        with pytest.raises(
            UserError, match=f"gradient_norm is {value} at step 1.*learning_rate.*the last good checkpoint is 0"
        ):
            writer.flush_before(2)
    assert [line["step"] for line in record(tmp_path)] == [0]
