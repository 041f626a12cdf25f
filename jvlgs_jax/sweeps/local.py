"""A sweep on this machine: each trial is a `jvlgs train` of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from jvlgs_jax.sweeps.gpus import share
from jvlgs_jax.sweeps.progress import (
    EXIT_CODE,
    LOG,
    State,
    holding,
    last_words,
    record_end,
    state,
    state_after,
    state_at_rest,
)
from jvlgs_jax.sweeps.trials import Sweep, Trial
from jvlgs_jax.training.interruption import DeferredInterruption

TRAIN = (sys.executable, "-m", "jvlgs_jax", "train")
SECONDS_BETWEEN_LOOKS = 0.2


@dataclass
class _Training:
    trial: Trial
    process: subprocess.Popen
    held: ExitStack  # closes the log and lets the trial go
    slot: int  # among those at a time
    started: float = field(default_factory=time.monotonic)


def run_locally(sweep: Sweep, *, jobs: int, tell: Callable[[str], None], gpus: Sequence[str] = ()) -> bool:
    """Runs the trials that are not finished, and returns whether all are then; a failing one does not stop the others.

    Each goes on from its last checkpoint. Ctrl-C and SIGTERM let the trainings under way save before they take their
    usual effect; a second one kills them. A trial that another process on this machine runs is left to it. Main thread
    only.

    Args:
        sweep: with its trials' folders.
        jobs: trainings at a time.
        tell: takes a line about each start and end.
        gpus: names of the machine's, of which each training at a time sees its own part.
    """
    waiting = list(sweep.trials)
    running: list[_Training] = []
    signalled = False
    try:
        with DeferredInterruption() as interruption:
            while running or (waiting and interruption.requested is None):
                if interruption.requested is not None and not signalled:
                    signalled = True
                    tell(f"stopping: {len(running)} trainings save and end; once more kills them")
                    for training in running:
                        training.process.terminate()
                while waiting and len(running) < jobs and interruption.requested is None:
                    slot = min(set(range(jobs)) - {training.slot for training in running})
                    running += _started(sweep, waiting.pop(0), slot, share(gpus, slot, jobs), tell)
                for training in [training for training in running if training.process.poll() is not None]:
                    running.remove(training)
                    _end(sweep, training, tell)
                time.sleep(SECONDS_BETWEEN_LOOKS if running else 0)
    finally:
        for training in running:  # only after a second signal
            training.process.kill()
            training.process.wait()
            training.held.close()
    return all(state(sweep.folder(trial)) is State.FINISHED for trial in sweep.trials)


def _started(
    sweep: Sweep, trial: Trial, slot: int, environment: Mapping[str, str], tell: Callable[[str], None]
) -> list[_Training]:
    """Returns the training of a trial, or nothing where none is due."""
    folder = sweep.folder(trial)
    label = _label(sweep, trial)
    with ExitStack() as stack:
        lock = stack.enter_context(holding(folder))
        found = State.RUNNING if lock is None else state_at_rest(folder)
        if lock is None or found is State.FINISHED:
            tell(f"{label}: {'finished before' if found is State.FINISHED else 'runs elsewhere'}, left as it is")
            return []
        (folder / EXIT_CODE).unlink(missing_ok=True)
        log = stack.enter_context((folder / LOG).open("a", encoding="utf-8"))
        data_dir = [] if sweep.data_dir is None else [f"--data-dir={sweep.data_dir}"]
        command = [*TRAIN, f"--config={sweep.config}", f"--workdir={folder}", *data_dir, *trial.overrides]
        # A session of its own: the terminal's Ctrl-C reaches only the sweep, which passes on one signal and no more.
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock.fileno(),),
        )
        tell(f"{label}: {'goes on' if found is State.UNFINISHED else 'starts'}, see {folder / LOG}")
        return [_Training(trial, process, stack.pop_all(), slot)]


def _end(sweep: Sweep, training: _Training, tell: Callable[[str], None]) -> None:
    folder = sweep.folder(training.trial)
    code = training.process.wait()
    record_end(folder, code)
    training.held.close()
    outcome = str(state_after(code))
    if code:
        outcome += f" with exit code {code} ({last_words(folder)})"
    tell(f"{_label(sweep, training.trial)}: {outcome} after {time.monotonic() - training.started:.0f} s")


def _label(sweep: Sweep, trial: Trial) -> str:
    return f"[{sweep.trials.index(trial) + 1}/{len(sweep.trials)}] {trial.name}"
