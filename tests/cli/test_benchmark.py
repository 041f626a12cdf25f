import pytest

from jvlgs_jax.cli.main import main
from jvlgs_jax.data import throughput
from jvlgs_jax.data.throughput import Throughput


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
