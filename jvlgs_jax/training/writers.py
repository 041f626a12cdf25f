"""The record of a training: one line of JSON a step, and the same numbers wherever else they are wanted."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, runtime_checkable

import jax

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.replacement import replacement

RECORD = "metrics.jsonl"

Metrics = Mapping[str, float | jax.Array]


@runtime_checkable
class Sink(Protocol):
    """Somewhere that numbers go to."""

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """Takes the numbers of a step; steps come in order, each once."""
        ...

    def close(self) -> None:
        """Takes no more."""
        ...


class MetricWriter:
    """Checks that metrics are finite and hands them to its sinks, a step late.

    The numbers under step k describe the model that has seen k batches. They are written when those of the next step
    arrive, so that nothing waits for a step that the device has only begun.
    """

    def __init__(self, sinks: Sequence[Sink], start: int, *, give_up: Callable[[int], str]) -> None:
        """Begins at step `start`.

        `give_up` is told the step of a number that is not finite, and returns what ends the message about it.
        """
        self._sinks = sinks
        self._give_up = give_up
        self._step = start
        self._pending: dict[str, float | jax.Array] = {}
        self.latest: dict[str, float] = {}

    def write(self, step: int, metrics: Metrics) -> None:
        """Adds metrics of a step, and writes those of the steps before it."""
        self.flush_before(step)
        self._step = step
        self._pending.update(metrics)

    def flush_before(self, step: int) -> None:
        """Writes what is pending of the steps before `step`.

        UserError if a number is not finite: training cannot recover from it.
        """
        if not self._pending or self._step >= step:
            return
        pending, self._pending = self._pending, {}
        self.latest = self.check(self._step, pending)
        for sink in self._sinks:
            sink.write(self._step, self.latest)

    def check(self, step: int, metrics: Metrics) -> dict[str, float]:
        """Returns the metrics of a step as numbers; UserError if one is not finite."""
        numbers = {name: float(value) for name, value in metrics.items()}
        for name, value in numbers.items():
            if not math.isfinite(value):
                raise UserError(
                    f"{name} is {value} at step {step}: lower train.optimizer.learning_rate and run again; "
                    f"{self._give_up(step)}"
                )
        return numbers

    def __enter__(self) -> "MetricWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.flush_before(self._step + 1)
        finally:
            for sink in self._sinks:
                sink.close()


class JsonLines:
    """A file with one JSON object a line, each with its step."""

    def __init__(self, path: Path, start: int) -> None:
        """Opens the file at step `start`; what an earlier run wrote for this step and later ones is dropped."""
        if path.exists():
            _drop_from(path, start)
        self._file = path.open("a", encoding="utf-8")

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """Adds a line, at once on disk as far as a killed process is concerned."""
        self._file.write(json.dumps({"step": step, **numbers}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _drop_from(path: Path, start: int) -> None:
    """Keeps the lines before step `start`; a killed run may have left half a line at the end."""
    with replacement(path) as partial, partial.open("w", encoding="utf-8") as kept:
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                step = json.loads(line)["step"]
            except (ValueError, KeyError, TypeError):
                continue
            if step < start:
                kept.write(line + "\n")
