import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "launch" / "local_processes.sh"
ARGUMENTS = ["--config=configs/demo.py", "--workdir=runs/demo", "--config.train.steps=50"]

# A `jvlgs` that waits to be told to end, and takes a moment to save.
WAITS = 'trap "sleep 0.3; exit 143" TERM; touch "$FOLDER/up${!#}"; run_on'


def started(count: int, folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [SCRIPT, str(count), *ARGUMENTS],
        env=os.environ | {"LOGS": str(folder / "logs"), "FOLDER": str(folder), "DEVICES": "2", "PORT": "23456"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_starts_the_processes_of_one_training(stand_in: Callable, trained: Callable, tmp_path: Path):
    jvlgs = stand_in("jvlgs", "echo $JAX_PLATFORMS $JAX_NUM_CPU_DEVICES")
    script = started(3, tmp_path)
    assert script.wait(timeout=30) == 0
    assert script.communicate()[0] == "cpu 2\n"  # of the first; the others have logs
    assert (tmp_path / "logs" / "process2.log").read_text() == "cpu 2\n"
    trainings = [trained(call) for call in jvlgs.calls]
    assert {args.process_index for args, _ in trainings} == {0, 1, 2}
    for args, experiment in trainings:
        assert (args.coordinator, args.processes, experiment.train.steps) == ("localhost:23456", 3, 50)


def test_the_failure_of_one_ends_all_and_is_told(stand_in: Callable, tmp_path: Path):
    stand_in("jvlgs", f'case "$*" in *index=1) sleep 0.2; echo no data; exit 2 ;; esac; {WAITS}')
    script = started(2, tmp_path)
    _, told = script.communicate(timeout=30)
    assert script.returncode == 2
    assert "process 1 ended with code 2\nno data\n" in told


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_all_save(stand_in: Callable, tmp_path: Path, number: signal.Signals):
    stand_in("jvlgs", WAITS)
    script = started(2, tmp_path)
    while len(list(tmp_path.glob("up*"))) < 2:
        time.sleep(0.05)
    os.killpg(script.pid, number)  # as the terminal does
    _, told = script.communicate(timeout=30)
    assert script.returncode == 143
    assert "process 0 ended with code 143" in told or "process 1 ended with code 143" in told
