"""Several processes that train one model: how they meet and part, which one writes, and what they tell each other."""

import os
import sys
import time
import traceback
from collections.abc import Generator
from contextlib import contextmanager

import jax
import numpy as np
from jax.experimental import multihost_utils

from jvlgs_jax.errors import UserError

COORDINATOR, COUNT, INDEX = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"
AUTOMATIC = "auto"
HEARTBEAT_SECONDS = 100
_GRACE_SECONDS = 1.0


def join_processes(
    coordinator: str | None, count: int | None, index: int | None, *, heartbeat: int = HEARTBEAT_SECONDS
) -> None:
    """Makes this process one of those that train together; call it before JAX computes anything.

    What is None is taken from the environment variables COORDINATOR, COUNT and INDEX. Where neither says anything, the
    process stays alone.

    Args:
        coordinator: HOST:PORT of the first process, where all meet; AUTOMATIC asks the cluster (Cloud TPU, SLURM,
            Open MPI, Kubernetes) for everything.
        count: number of processes.
        index: which of them this is, from 0.
        heartbeat: seconds of silence after which a process counts as dead, and the others are ended.

    UserError if something is missing or out of range, and where AUTOMATIC finds no cluster.
    """
    if heartbeat < 1:
        raise UserError(f"--heartbeat is {heartbeat} seconds, the least is 1: use a larger one")
    coordinator = coordinator or os.environ.get(COORDINATOR)
    count = _number(COUNT) if count is None else count
    index = _number(INDEX) if index is None else index
    if coordinator is None and count is None and index is None:
        return
    if coordinator == AUTOMATIC:
        coordinator = None
        os.environ.pop(COORDINATOR, None)  # JAX reads it too, and would take the word for an address
    elif coordinator is None or count is None or index is None:
        raise UserError(
            "several processes need --coordinator=HOST:PORT, --processes=N and --process-index=I "
            f"(or {COORDINATOR}, {COUNT} and {INDEX}), or --coordinator={AUTOMATIC}: one of the three is missing"
        )
    elif not 0 <= index < count:
        raise UserError(f"the process index is {index} of {count} processes: count from 0 to {count - 1}")
    # JAX's own SIGTERM handler would replace that of `interruption`.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(coordinator, count, index, heartbeat_timeout_seconds=heartbeat)
    except ValueError as error:
        if coordinator is not None:
            raise
        raise UserError(
            f"--coordinator={AUTOMATIC}: JAX knows no cluster here (Cloud TPU, SLURM, Open MPI, Kubernetes): {error} "
            "Give --coordinator=HOST:PORT, --processes=N and --process-index=I, or none of them to train alone"
        ) from error


@contextmanager
def failing_at_once() -> Generator[None]:
    """Ends a process of several the moment that its work fails, with the line of a UserError or a traceback.

    JAX then ends the others: within seconds if it was the first one that failed, else after the heartbeat's silence.
    An exception would not tell them: the end of a process waits for the others, and these for its next message.
    """
    try:
        yield
    except Exception as error:
        if not jax.distributed.is_initialized():
            raise
        if isinstance(error, UserError):
            print(f"jvlgs: error: process {jax.process_index()}: {error}", file=sys.stderr)
        else:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        time.sleep(_GRACE_SECONDS)  # for the others to find the same error, if they do
        os._exit(2 if isinstance(error, UserError) else 1)


def is_first() -> bool:
    """Whether this is the process that writes."""
    return jax.process_index() == 0


def gathered(message: bytes) -> list[bytes]:
    """Returns the message of every process, in their order; all of them must call it."""
    if jax.process_count() == 1:
        return [message]
    lengths = np.ravel(multihost_utils.process_allgather(np.array([len(message)], np.int32)))
    padded = np.zeros(max(lengths), np.uint8)
    padded[: len(message)] = np.frombuffer(message, np.uint8)
    rows = np.asarray(multihost_utils.process_allgather(padded))
    return [row[:length].tobytes() for row, length in zip(rows, lengths, strict=True)]


def wait_for_all(reason: str) -> None:
    """Returns once every process has called it with the same reason."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(reason)


def _number(variable: str) -> int | None:
    text = os.environ.get(variable)
    if text is None:
        return None
    if not text.isdecimal():
        raise UserError(f"{variable} is {text!r}: it must be a whole number")
    return int(text)
