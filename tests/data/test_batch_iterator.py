import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import jax
import numpy as np
import pytest
from orbax.checkpoint import v1 as ocp

from data.sharded_batches import CONFIG, batches_of, digests
from jvlgs_jax.data.batch_iterator import Shard, placement

TESTS = Path(__file__).parents[1]


def run(*arguments: str) -> subprocess.Popen:
    """Starts `sharded_batches` as a program; it prints the digests of the batches it gets."""
    return subprocess.Popen(
        [sys.executable, "-m", "data.sharded_batches", *arguments],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        text=True,
    )


def printed(process: subprocess.Popen) -> list[str]:
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return out.split()


@pytest.fixture(scope="module")
def straight() -> list[str]:
    """Digests of the rows of ten batches, made by one process in its own threads."""
    with_threads = batches_of(CONFIG)
    rows = [digest for batch in islice(with_threads, 10) for digest in digests(batch)]
    with_threads.close()
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "4"])
def test_worker_processes_make_the_same_batches(straight: list[str], workers: str):
    assert printed(run("--workers", workers, "--steps", "10")) == straight


@pytest.mark.slow
def test_two_processes_and_then_one_make_the_same_batches(straight: list[str], tmp_path: Path):
    # Interrupted after four batches: two processes with worker processes of their own, then one without.
    checkpoint = str(tmp_path / "checkpoint")
    shared = ["--workers", "1", "--steps", "4", "--save", checkpoint]
    processes = [run(*shared, "--index", str(i), "--count", "2") for i in range(2)]
    halves = [printed(process) for process in processes]
    assert not set(halves[0]) & set(halves[1])
    half = CONFIG.batch_size // 2
    before = [row for i in range(0, 4 * half, half) for rows in halves for row in rows[i : i + half]]
    assert before == straight[: 4 * CONFIG.batch_size]
    assert printed(run("--steps", "6", "--load", checkpoint)) == straight[4 * CONFIG.batch_size :]


def test_a_checkpoint_is_one_number(tmp_path: Path):
    batches = batches_of(CONFIG)
    list(islice(batches, 3))
    with ocp.training.Checkpointer(tmp_path) as checkpointer:
        checkpointer.save_checkpointables(3, {"data": batches})
    (saved,) = (tmp_path / "3" / "data").glob("*.json")
    assert saved.read_text() == '{"batches": 3}'
    batches.close()


def test_placed_batches_are_the_same_and_are_resumed_exactly():
    place = placement(jax.sharding.SingleDeviceSharding(jax.devices()[0]))
    expected = list(islice(batches_of(CONFIG), 6))
    placed = batches_of(CONFIG, place=place)
    first = list(islice(placed, 3))
    resumed = batches_of(CONFIG, place=place)
    resumed.set_state(placed.get_state())  # batches on the way to the device are not yet given
    for batch, other in zip([*first, *islice(resumed, 3)], expected, strict=True):
        assert isinstance(batch.planes, jax.Array)
        np.testing.assert_array_equal(batch.planes, other.planes)
        np.testing.assert_array_equal(batch.mask, other.mask)


def test_a_closed_iterator_goes_on():
    straight, closed = batches_of(CONFIG), batches_of(CONFIG)
    next(straight), next(closed)
    closed.close()
    np.testing.assert_array_equal(next(straight).planes, next(closed).planes)


def test_shards_hold_every_row_once():
    rows = [Shard(index=i, count=3).rows(6) for i in range(3)]
    assert sum(rows) == 6
