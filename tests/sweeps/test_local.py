import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jvlgs_jax.sweeps import local
from jvlgs_jax.sweeps.local import run_locally
from jvlgs_jax.sweeps.progress import State, holding, state
from jvlgs_jax.sweeps.trials import Sweep

# In place of `jvlgs train`: how it ends depends on its seed. At SIGTERM it saves, which takes a moment.
TRAINING = """
import os, signal, sys, time
from pathlib import Path

arguments = dict(argument.split("=", 1) for argument in sys.argv[1:])
seed, workdir = int(arguments["--config.seed"]), Path(arguments["--workdir"])
(workdir / "gpus").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "unset"))
signals = []
signal.signal(signal.SIGTERM, lambda *_: signals.append("SIGTERM"))
signal.signal(signal.SIGINT, lambda *_: signals.append("SIGINT"))
with (workdir / "runs").open("a") as runs:
    runs.write(f"{time.time()} ")
if seed == 13:
    print("jvlgs: error: data: no such folder")
    sys.exit(2)
end = time.time() + (60 if seed == 60 else 0.3)
while time.time() < end and not signals:
    time.sleep(0.02)
if signals:
    time.sleep(0.3)
    (workdir / "saved").write_text(" ".join(signals))
    sys.exit(143)
with (workdir / "runs").open("a") as runs:
    runs.write(f"{time.time()}\\n")
"""


@pytest.fixture(autouse=True)
def _training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "training.py"
    program.write_text(TRAINING)
    monkeypatch.setattr(local, "TRAIN", (sys.executable, "-S", str(program)))


@pytest.fixture
def seeds(sweep_of: Callable) -> Callable[..., Sweep]:
    def make(*seeds: int) -> Sweep:
        return sweep_of(*({"seed": seed} for seed in seeds))

    return make


def ctrl_c_when(condition: Callable[[], bool]) -> None:
    """Sends this process a SIGINT once the condition holds."""

    def watch() -> None:
        while not condition():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, daemon=True).start()


def spans(sweep: Sweep) -> list[list[str]]:
    """The begins and ends of each trial's trainings."""
    return [(sweep.folder(trial) / "runs").read_text().split() for trial in sweep.trials]


def test_runs_some_at_a_time_and_a_failure_stops_no_other(seeds: Callable):
    sweep, told = seeds(1, 13, 2), []
    assert not run_locally(sweep, jobs=1, tell=told.append)
    assert [state(sweep.folder(trial)) for trial in sweep.trials] == [State.FINISHED, State.FAILED, State.FINISHED]
    assert any("[2/3] seed_13" in line and "exit code 2 (jvlgs: error: data: no such folder)" in line for line in told)
    (_, end), _, (begin, _) = spans(sweep)
    assert float(begin) >= float(end)

    assert not run_locally(sweep, jobs=2, tell=told.append)  # the failed one alone runs again
    assert [len(times) for times in spans(sweep)] == [2, 2, 2]

    both = seeds(3, 4)
    assert run_locally(both, jobs=2, tell=told.append)
    (first, last), (begin, end) = spans(both)
    assert float(first) < float(end)
    assert float(begin) < float(last)


def test_trainings_at_a_time_see_gpus_of_their_own(seeds: Callable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def seen(sweep: Sweep) -> list[str]:
        return [(sweep.folder(trial) / "gpus").read_text() for trial in sweep.trials]

    three = seeds(1, 2, 3)
    assert run_locally(three, jobs=2, tell=lambda line: None, gpus=["4", "5", "6"])
    assert seen(three)[:2] == ["4,6", "5"]
    assert seen(three)[2] in ("4,6", "5")  # of the one that ended first
    none = seeds(4)
    assert run_locally(none, jobs=1, tell=lambda line: None)
    assert seen(none) == ["unset"]


def test_ctrl_c_lets_the_trainings_save_and_the_same_command_goes_on(seeds: Callable):
    sweep, told = seeds(60, 1), []
    folder, other = (sweep.folder(trial) for trial in sweep.trials)
    ctrl_c_when((folder / "runs").exists)
    with pytest.raises(KeyboardInterrupt):
        run_locally(sweep, jobs=1, tell=told.append)
    assert (folder / "saved").read_text() == "SIGTERM"  # once: a second signal would end it before it has saved
    assert (state(folder), state(other)) == (State.UNFINISHED, State.WAITING)

    ctrl_c_when(lambda: state(other) is State.FINISHED)
    with pytest.raises(KeyboardInterrupt):
        run_locally(sweep, jobs=2, tell=told.append)
    assert any("seed_60" in line and "goes on" in line for line in told)
    assert (state(folder), state(other)) == (State.UNFINISHED, State.FINISHED)


def test_a_trial_that_runs_already_is_left_to_its_runner(seeds: Callable):
    sweep, told = seeds(1, 2), []
    with holding(sweep.folder(sweep.trials[0])):
        assert state(sweep.folder(sweep.trials[0])) is State.RUNNING
        assert not run_locally(sweep, jobs=1, tell=told.append)
    assert any("seed_1" in line and "runs elsewhere" in line for line in told)
    assert state(sweep.folder(sweep.trials[0])) is State.WAITING
    assert state(sweep.folder(sweep.trials[1])) is State.FINISHED


def test_a_training_that_outlives_its_killed_sweep_keeps_its_trial(tmp_path: Path):
    folder = tmp_path / "trial"
    with holding(folder) as lock:
        assert lock is not None
        orphan = subprocess.Popen(["sleep", "60"], pass_fds=(lock.fileno(),))
    try:
        assert state(folder) is State.RUNNING
    finally:
        orphan.kill()
        orphan.wait()
    deadline = time.monotonic() + 5
    while state(folder) is State.RUNNING and time.monotonic() < deadline:
        time.sleep(0.05)
    assert state(folder) is State.WAITING
