"""A program that kills one toy training again and again, at random moments, and prints what it has seen as JSON.

The training runs in forks of this process, which has imported everything but has not started JAX's backend: so a run
starts in a second.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import jax

from jvlgs_jax.training import loop, regime
from jvlgs_jax.training.checkpoints import FOLDER, checkpoint_steps
from jvlgs_jax.training.config import EvaluatorConfig, SelectionConfig
from jvlgs_jax.training.recorder import Recorder
from jvlgs_jax.training.step import StepParts
from training.toy import toy_config, toy_train

KILLS = 30
SAVE_EVERY = 4
CONFIG = toy_config(
    steps=200,
    save_every=SAVE_EVERY,
    evaluators=(EvaluatorConfig(name="quick", kind="batches", part="validation", every=40),),
    selection=SelectionConfig(evaluator="quick", metric="pooled_iou"),
)


class Blow(NamedTuple):
    """When and how a run is killed: some time after its start, its n-th step or its n-th file of a checkpoint."""

    after: str
    count: int
    seconds: float
    number: signal.Signals


def blows(seed: int) -> list[Blow]:
    draw = random.Random(seed)
    numbers = (signal.SIGKILL, signal.SIGTERM)
    kinds = ["start"] * 6 + ["step"] * 12 + ["file"] * 12
    draw.shuffle(kinds)
    longest = {"start": 1.5, "step": 0.02, "file": 0.002}
    most = {"start": 1, "step": 10, "file": 60}
    return [
        Blow(kind, draw.randint(1, most[kind]), draw.uniform(0, longest[kind]), draw.choice(numbers)) for kind in kinds
    ]


def arrange(blow: Blow, workdir: Path) -> None:
    """Arranges that this process strikes itself."""
    seen = 0

    def strike() -> None:
        time.sleep(blow.seconds)
        os.kill(os.getpid(), blow.number)

    def count() -> None:
        nonlocal seen
        seen += 1
        if seen == blow.count:
            threading.Thread(target=strike, daemon=True).start()

    def watch(event: str, arguments: tuple) -> None:
        if event in ("open", "os.rename", "os.mkdir", "os.remove") and f"{workdir}/{FOLDER}/" in str(arguments[0]):
            count()

    if blow.after == "start":
        count()
    elif blow.after == "file":
        sys.addaudithook(watch)
    else:
        regime.make_train_step = counting(count, regime.make_train_step)


def counting(count: Callable[[], None], make_train_step: Callable) -> Callable:
    def make(parts: StepParts):
        train_step = make_train_step(parts)

        def counted(state, batch):
            count()
            return train_step(state, batch)

        return counted

    return make


class Run(NamedTuple):
    """What is seen of a run: its exit code, negative for a signal, the step it began with and how many it began."""

    code: int
    start: int | None
    trained: int


def run(workdir: Path, blow: Blow | None) -> Run:
    """Trains in a fork."""
    notes(workdir).write_text("")
    child = os.fork()
    if child == 0:
        train(workdir, blow)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    start, *steps = notes(workdir).read_text().split() or [None]
    return Run(code, None if start is None else int(start), len(steps))


def notes(workdir: Path) -> Path:
    """The file to which a run writes the step that it starts with and then a word a step."""
    return workdir.with_suffix(".notes")


def take_notes(workdir: Path) -> None:
    recorder = loop.Recorder

    def note(word: object) -> None:
        with notes(workdir).open("a") as file:
            file.write(f"{word}\n")

    def noted(folder: Path, *, start: int, **settings: Any) -> Recorder:
        note(start)
        return recorder(folder, start=start, **settings)

    loop.Recorder = noted
    regime.make_train_step = counting(lambda: note("step"), regime.make_train_step)


def train(workdir: Path, blow: Blow | None) -> NoReturn:
    log = os.open(workdir.with_suffix(".log"), os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    take_notes(workdir)
    if blow is not None:
        arrange(blow, workdir)
    try:
        toy_train(workdir, CONFIG)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_compilation_cache_dir", str(folder / "cache"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    straight, struck = folder / "straight", folder / "struck"
    began = time.monotonic()
    assert run(straight, None).code == 0, straight.with_suffix(".log").read_text()
    alone = time.monotonic() - began
    strokes = []
    for blow in blows(seed):
        before = max(checkpoint_steps(struck), default=0)
        seen = run(struck, blow)
        half = sum(not path.name.isdecimal() for path in (struck / FOLDER).glob("*/")) if struck.exists() else 0
        after = max(checkpoint_steps(struck), default=0)
        strokes.append({**blow._asdict(), **seen._asdict(), "before": before, "after": after, "half": half})
    before = max(checkpoint_steps(struck), default=0)
    last = {**run(struck, None)._asdict(), "before": before}
    seconds = time.monotonic() - began
    print(json.dumps({"strokes": strokes, "last": last, "alone": alone, "seconds": seconds}))
