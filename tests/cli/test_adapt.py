"""What `jvlgs adapt` and `jvlgs benchmark few-shot` refuse before they load much; what they do: tests/fewshot."""

from pathlib import Path

import pytest

from jvlgs_jax.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--support=nowhere", "--output=o"], "nowhere: no such file or folder"),
        (["--support=.", "--output=o", "--method=decodr"], "unknown method 'decodr'"),
        (["--support=.", "--output=o", "--method=decoder:steps=0"], "steps is 0, the least is 1"),
        (["--support=.", "--output=o", "--method=decoder:parametrization=1"], "unknown setting 'parametrization'"),
        (["--support=.", "--output=o", "--method=decoder:seed=-1"], "seed is -1"),
        (["--support=.", "--output=o", "--method=all:learning_rate=1e999"], "learning_rate is inf, it must be finite"),
        (["--support=.", "--output=o", "--method=low_rank:rank=0"], "rank is 0, the least is 1"),
        (["--support=.", "--output=o", "--method=scratch:steps=8"], "begins with random weights"),
        (["--support=.", "--output=file/model"], "file/model: cannot write here (Not a directory)"),
        (["--support=.", "--output=o", "--shots=0"], "shots is 0, the least is 1"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert main(["adapt", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_the_protocol_needs_data_and_an_output(capsys: pytest.CaptureFixture[str]):
    assert main(["benchmark", "few-shot"]) == 2
    assert "benchmark few-shot needs --data-dir=DIR" in capsys.readouterr().err
