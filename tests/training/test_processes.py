import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.weight_files import read_weights
from jvlgs_jax.training.checkpoints import checkpoint_steps
from jvlgs_jax.training.processes import gathered, is_first, join_processes
from training.toy import toy_train
from training.two_processes import CONFIG, STEPS, STOPPED_AFTER

TESTS = Path(__file__).parents[1]


def run_two(folder: Path) -> list[subprocess.Popen]:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    common = {**os.environ, "PYTHONPATH": str(TESTS), "JAX_COORDINATOR_ADDRESS": address, "JAX_NUM_PROCESSES": "2"}
    processes = []
    for index in ("0", "1"):
        with (folder / f"{index}.log").open("w") as log:
            command = [sys.executable, "-m", "training.two_processes", str(folder)]
            env = {**common, "JAX_PROCESS_ID": index}
            processes.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))
    for process in processes:
        process.wait(timeout=300)
    return processes


def record(workdir: Path) -> list[dict]:
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def assert_close_trainings(one: Path, other: Path) -> None:
    for name in ("model", "model_best"):
        expected = read_weights(other / name / "weights.safetensors")
        for path, value in read_weights(one / name / "weights.safetensors").items():
            np.testing.assert_allclose(value, expected[path], rtol=1e-4, atol=1e-6, err_msg=f"{name} {path}")
    assert [line["step"] for line in record(one)] == list(range(STEPS + 1))
    for line, expected in zip(record(one), record(other), strict=True):
        assert line == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.slow
def test_two_processes_train_like_one_and_stop_together(tmp_path: Path):
    toy_train(tmp_path / "one", CONFIG)
    processes = run_two(tmp_path)
    logs = [(tmp_path / f"{index}.log").read_text() for index in range(2)]
    assert [process.returncode for process in processes] == 2 * [128 + signal.SIGTERM], "\n".join(logs)
    assert_close_trainings(tmp_path / "whole", tmp_path / "one")
    # The other process agreed one step later, and only the first one says so.
    assert checkpoint_steps(tmp_path / "stopped")[-1] == STOPPED_AFTER + 1
    assert ["saved at step" in log for log in logs] == [True, False]
    assert not (tmp_path / "stopped" / "model").exists()
    # One process goes on from what two have saved.
    toy_train(tmp_path / "stopped", CONFIG)
    assert_close_trainings(tmp_path / "stopped", tmp_path / "one")
    whole, one = (json.loads((tmp_path / name / "scores_best.json").read_text()) for name in ("whole", "one"))
    assert (whole["selection"], whole["step"]) == ("best-on-validation", one["step"])
    assert list(whole["evaluators"]["test"]["methods"]) == ["model", "mog2", "background_difference", "temporal_median"]


# Two of these train until the first one meets a mistake that the other does not see.
ONE_FAILS = """
import jax
from jvlgs_jax.errors import UserError
from jvlgs_jax.training.processes import failing_at_once, is_first, join_processes, wait_for_all
jax.config.update("jax_platforms", "cpu")
join_processes(None, None, None)
with failing_at_once():
    wait_for_all("both are up")
    if is_first():
        raise UserError("data: no such folder")
    wait_for_all("what never comes")
"""


def test_the_failure_of_one_process_ends_the_others_soon(tmp_path: Path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    settings = {"JAX_COORDINATOR_ADDRESS": address, "JAX_NUM_PROCESSES": "2"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_FAILS],
            env={**os.environ, **settings, "JAX_PROCESS_ID": str(index)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    (_, failed), (_, other) = (process.communicate(timeout=60) for process in processes)
    assert processes[0].returncode == 2
    assert failed.splitlines()[-1] == "jvlgs: error: process 0: data: no such folder"
    assert processes[1].returncode != 0
    assert "another task died" in other


def test_no_cluster_to_ask(monkeypatch: pytest.MonkeyPatch):
    def initialize(coordinator: str | None, *_: object, **__: object) -> None:
        assert coordinator is None
        if "JAX_COORDINATOR_ADDRESS" not in os.environ:  # where JAX would look next
            raise ValueError("coordinator_address should be defined.")

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "auto")
    with pytest.raises(UserError, match=r"--coordinator=auto: JAX knows no cluster here.*--coordinator=HOST:PORT"):
        join_processes(None, None, None)


def test_alone_a_process_is_the_first_and_hears_itself():
    assert is_first()
    assert gathered(b"what it says") == [b"what it says"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("localhost:1", None, 0), "--processes=N.*is missing"),
        ((None, 2, None), "--coordinator=HOST:PORT"),
        (("localhost:1", 2, 2), "process index is 2 of 2 processes: count from 0 to 1"),
    ],
)
def test_what_several_processes_need(arguments: tuple, message: str):
    with pytest.raises(UserError, match=message):
        join_processes(*arguments)


def test_the_environment_says_it_too(monkeypatch: pytest.MonkeyPatch):
    join_processes(None, None, None)
    monkeypatch.setenv("JAX_NUM_PROCESSES", "two")
    with pytest.raises(UserError, match="JAX_NUM_PROCESSES is 'two': it must be a whole number"):
        join_processes(None, None, None)
    monkeypatch.setenv("JAX_NUM_PROCESSES", "2")
    with pytest.raises(UserError, match="one of the three is missing"):
        join_processes(None, None, None)
