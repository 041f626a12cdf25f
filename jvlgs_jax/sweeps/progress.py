"""How far each trial of a sweep is, read from its folder, whoever runs it."""

import enum
import fcntl
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from jvlgs_jax.inference.replacement import replacement

EXIT_CODE = "exit_code"
LOG = "log.txt"
LOCK = "lock"
SECONDS_OF_A_LOOK = 0.5  # more than another process takes to see whether a trial is held

# Ended by a signal: by a training that saved first, by the shell's account of it, and by Python's.
INTERRUPTIONS = {
    code for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL) for code in (128 + number, -int(number))
}


class State(enum.StrEnum):
    """How far a trial is."""

    WAITING = "waiting"
    RUNNING = "running"
    UNFINISHED = "unfinished"  # interrupted or killed, or running on another machine
    FAILED = "failed"
    FINISHED = "finished"


def state(folder: Path) -> State:
    """Returns how far the trial of a folder is. Looking keeps nobody from running it."""
    try:
        with (folder / LOCK).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        pass  # nobody has run it on this machine
    except BlockingIOError:
        return State.RUNNING
    return state_at_rest(folder)


def state_at_rest(folder: Path) -> State:
    """Returns how far a trial is that nobody runs."""
    code = _exit_code(folder)
    if code is not None:
        return state_after(code)
    started = (folder / LOG).exists() or (folder / "config.json").exists()
    return State.UNFINISHED if started else State.WAITING


def state_after(code: int) -> State:
    """Returns how far a trial is whose training ended with an exit code."""
    if code == 0:
        return State.FINISHED
    return State.UNFINISHED if code in INTERRUPTIONS else State.FAILED


def record_end(folder: Path, code: int) -> None:
    """Keeps the exit code of a trial's training."""
    with replacement(folder / EXIT_CODE) as partial:
        partial.write_text(f"{code}\n")


def last_words(folder: Path) -> str:
    """Returns the last line that a trial's training wrote, which names its error."""
    log = folder / LOG
    if not log.is_file():
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.rpartition("\r")[2].strip() for line in reversed(lines) if line.strip()), "")


@contextmanager
def holding(folder: Path) -> Generator[IO[str] | None]:
    """Yields an open file that keeps others on this machine from running the trial; None if another one has it.

    The trial is held for as long as this process or a child that inherited the file lives.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        yield file if _locked(file) else None


def _locked(file: IO[str]) -> bool:
    patience = time.monotonic() + SECONDS_OF_A_LOOK
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > patience:
                return False
            time.sleep(0.01)
        else:
            return True


def _exit_code(folder: Path) -> int | None:
    try:
        return int((folder / EXIT_CODE).read_text())
    except (FileNotFoundError, ValueError):  # the disk may have been full, or the machine gone, half-way
        return None
