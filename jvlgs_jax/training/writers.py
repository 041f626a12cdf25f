"""The record of a training: one line of JSON a step, and the same numbers for TensorBoard."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import jax
from tensorboardX import SummaryWriter

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.replacement import replacement

RECORD = "metrics.jsonl"
TENSORBOARD = "tensorboard"

Metrics = Mapping[str, float | jax.Array]


class MetricWriter:
    """Writes metrics to `metrics.jsonl`, which is the record, and to TensorBoard, in a training's folder.

    The numbers under step k describe the model that has seen k batches. They are written when those of the next step
    arrive, so that nothing waits for a step that the device has only begun.
    """

    def __init__(self, workdir: Path, start: int) -> None:
        """Opens the record at step `start`; what an earlier run wrote for this step and later ones is dropped."""
        self._path = workdir / RECORD
        if self._path.exists():
            _drop_from(self._path, start)
        self._record = self._path.open("a", encoding="utf-8")
        self._tensorboard = SummaryWriter(str(workdir / TENSORBOARD), purge_step=start)
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
        self.latest = {name: float(value) for name, value in self._pending.items()}
        self._pending = {}
        for name, value in self.latest.items():
            if not math.isfinite(value):
                raise UserError(
                    f"{self._path.parent}: {name} is {value} at step {self._step}: lower "
                    "train.optimizer.learning_rate and run again; the last checkpoint is from before"
                )
        self._record.write(json.dumps({"step": self._step, **self.latest}) + "\n")
        self._record.flush()
        for name, value in self.latest.items():
            self._tensorboard.add_scalar(name, value, self._step)

    def __enter__(self) -> "MetricWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.flush_before(self._step + 1)
        finally:
            self._record.close()
            self._tensorboard.close()


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
