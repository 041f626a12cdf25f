import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import pytest

from jvlgs_jax.simulation.worker_processes import call_in_processes

pytestmark = pytest.mark.slow  # a process takes a second to start


def write_and_wait(path, seconds):
    path.write_text(str(os.getpid()))
    time.sleep(seconds)
    return path.name


def test_every_call_is_made_and_told_by_its_number(tmp_path):
    calls = [partial(write_and_wait, tmp_path / str(number), 0) for number in range(5)]
    made = dict(call_in_processes(calls, workers=2))
    assert made == {number: str(number) for number in range(5)}
    assert len({path.read_text() for path in tmp_path.iterdir()}) <= 2


def test_ctrl_c_ends_the_workers_at_once(tmp_path):
    calls = [partial(write_and_wait, tmp_path / str(number), 60 * number) for number in range(6)]
    started, made = time.monotonic(), call_in_processes(calls, workers=2)
    assert next(made) == (0, "0")
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        next(made)
    assert time.monotonic() - started < 30
    assert not multiprocessing.active_children()
    assert len(list(tmp_path.iterdir())) <= 3  # no more than had begun


def test_a_caller_that_leaves_the_loop_ends_the_workers(tmp_path):
    calls = [partial(write_and_wait, tmp_path / str(number), 60 * number) for number in range(3)]
    made = call_in_processes(calls, workers=2)
    assert next(made) == (0, "0")
    made.close()
    assert not multiprocessing.active_children()


def test_a_killed_worker_is_told():
    with pytest.raises(BrokenProcessPool):
        list(call_in_processes([partial(os._exit, 9), partial(time.sleep, 1)], workers=2))
