import importlib.util
import re

import pytest

from jvlgs_jax.cli import benchmark
from jvlgs_jax.cli.main import main
from jvlgs_jax.data import throughput
from jvlgs_jax.data.throughput import Throughput
from jvlgs_jax.kernels.cross_attention import shapes, timing
from jvlgs_jax.kernels.cross_attention.shapes import AttentionShape


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch):
    """In place of measuring, which takes half a minute."""
    monkeypatch.setattr(
        throughput,
        "measure",
        lambda workload, rounds: Throughput(
            workload=workload, clips_per_second={"jvlgs": 60.0 + rounds, "plain loop": 30.0}, ratio=2.0
        ),
    )
    monkeypatch.setattr(throughput, "profile", lambda workload: {"read": 3.0, "Rotation": 1.0})


@pytest.mark.usefixtures("quick")
def test_prints_a_line_for_each_workload(capsys: pytest.CaptureFixture):
    assert main(["benchmark", "data", "--rounds=3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert lines[0] == (
        "T=3, 352x352, rgb planes of grey video: "
        "jvlgs 63.0, plain loop 30.0 clips/s per core; 2.00 times the plain loop"
    )


@pytest.mark.usefixtures("quick")
def test_a_profile_says_where_the_time_goes(capsys: pytest.CaptureFixture):
    assert main(["benchmark", "data", "--profile"]) == 0
    assert "    read                 3.00 ms   75%" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--rounds=0", "data"], "--rounds is 0, the least is 1"), (["dta"], "invalid choice: 'dta'")],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture, arguments: list[str], message: str):
    assert main(["benchmark", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert len(error.splitlines()) == 1


@pytest.fixture
def two_attentions(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of a network's, small enough to be timed."""
    small = [
        AttentionShape(name=name, batch=1, queries=6, keys=5, heads=1, width=4, value_width=4, calls=calls)
        for name, calls in (("stage", 3), ("correlation", 1))
    ]
    monkeypatch.setattr(shapes, "network_shapes", lambda encoder, size, batch: small)
    monkeypatch.setattr(timing, "matmul_rate", lambda dtype, rounds: 1e12)


@pytest.mark.slow
@pytest.mark.usefixtures("two_attentions")
def test_each_attention_is_timed_forward_and_with_gradient(capsys: pytest.CaptureFixture):
    assert main(["benchmark", "kernels", "--rounds=1"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "cpu, float32, processor time, medians of 1 rounds; peak: 1 TFLOP/s, a large matrix product's here"
    timed = r"{} \S+ ms \(\S+ x, 0% of peak\)"
    each = ", ".join(timed.format(name) for name in ("reference", "xla", "packed"))
    for line, name in zip(lines[:4], ("stage", "stage", "correlation", "correlation"), strict=True):
        assert re.fullmatch(rf"{name}, forward( and gradient)?: {each}", line)
    assert re.fullmatch(
        r"all of one network call, forward: reference (\S+) ms \(1\.00 x\), xla (\S+) ms \(\S+ x\), "
        r"packed \S+ ms \(\S+ x\), as chosen \2 ms \(\S+ x\)",  # one head: nothing to pack
        lines[4],
    )
    assert len(lines) == 6


def test_its_choices_are_the_named_shapes():
    assert benchmark.ENCODERS == shapes.ENCODERS
    assert tuple(f"{height}x{width}" for height, width in shapes.SIZES) == benchmark.SIZES
    assert benchmark.BATCHES == shapes.BATCHES


def test_an_unknown_target_gets_the_nearest(capsys: pytest.CaptureFixture):
    assert main(["benchmark", "kernels", "--target=v5e-2"]) == 2
    assert "unknown target 'v5e-2': did you mean 'v5e-" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures("two_attentions")
@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="no libtpu: pip install 'jvlgs-jax[tpu]'")
def test_attentions_are_compiled_for_a_target(capsys: pytest.CaptureFixture):
    assert main(["benchmark", "kernels", "--target=v5e-1"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "TPU v5 lite, float32, compiled and not run: temporary memory of one call"
    assert re.fullmatch(r"stage, forward: reference \S+ MiB, xla \S+ MiB, pallas_tpu \S+ MiB", lines[0])
    assert len(lines) == 4
