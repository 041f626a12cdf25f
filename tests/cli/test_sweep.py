import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from jvlgs_jax.cli.main import main
from jvlgs_jax.sweeps import local

CONFIG = """
from jvlgs_jax.experiment import default_config as get_config

def sweep():
    yield {"seed": 1}
    yield {"seed": 2}
"""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    config = tmp_path / "config.py"
    config.write_text(CONFIG)
    return ["sweep", f"--config={config}", f"--workdir={tmp_path / 'runs'}"]


def test_runs_every_trial_prints_the_table_and_says_by_its_exit_code_whether_all_finished(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    ends_with_its_seed = (sys.executable, "-S", "-c", "import sys; sys.exit('--config.seed=2' in sys.argv)")
    monkeypatch.setattr(local, "TRAIN", ends_with_its_seed)
    assert main([*arguments, "--jobs=2"]) == 1
    printed = capfd.readouterr()
    assert "[2/2] seed_2" in printed.err
    assert "failed with exit code 1" in printed.err
    assert printed.out == (tmp_path / "runs" / "results.md").read_text()

    monkeypatch.setattr(local, "TRAIN", (sys.executable, "-S", "-c", "pass"))
    assert main(arguments) == 0
    assert "seed_1-" in capfd.readouterr().err


def test_collecting_needs_neither_the_config_nor_jax(arguments: list[str], tmp_path: Path):
    assert main([*arguments, "--emit=slurm"]) == 0
    program = (
        "import sys; from jvlgs_jax.cli.main import main; "
        f"code = main(['sweep', '--workdir={tmp_path / 'runs'}', '--collect']); "
        "sys.exit(code or 'jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.count("| waiting |") == 2


def test_emitting_prints_the_command_that_submits(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    arguments = [*arguments, "--workdir=my runs"]
    assert main([*arguments, "--emit=slurm"]) == 0
    assert main([*arguments, "--emit=skypilot"]) == 0
    runs = tmp_path / "my runs"
    assert [shlex.split(line) for line in capsys.readouterr().out.splitlines()] == [
        ["sbatch", str(runs / "sweep.slurm.sh")],
        ["bash", str(runs / "sweep.skypilot.sh")],
    ]
    assert (runs / "sweep.skypilot.yaml").exists()


@pytest.mark.parametrize(
    ("extra", "complaint"), [(["--jobs=0"], "--jobs is 0"), (["--config.sed=1"], "did you mean 'seed'?")]
)
def test_bad_arguments_leave_no_trace(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str], complaint: str
):
    assert main([*arguments, *extra]) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_config_is_needed_to_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["sweep", f"--workdir={tmp_path}"]) == 2
    assert "--config is missing" in capsys.readouterr().err
