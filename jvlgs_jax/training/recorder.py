"""What a training tells of itself, by its first process: records on disk, TensorBoard, the screen."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from jvlgs_jax.training.checkpoints import Checkpoints
from jvlgs_jax.training.console import Progress, Silence, show_progress
from jvlgs_jax.training.evaluators.findings import Findings
from jvlgs_jax.training.processes import is_first
from jvlgs_jax.training.step_clock import TIMING, StepClock
from jvlgs_jax.training.tensorboard import TensorBoard
from jvlgs_jax.training.writers import RECORD, JsonLines, Metrics, MetricWriter


class Recorder:
    """Takes what happens in a training, step by step; with several processes, only the first writes anything."""

    def __init__(
        self,
        workdir: Path,
        *,
        start: int,
        steps: int,
        log_every: int,
        clock: StepClock,
        checkpoints: Checkpoints,
        about: Mapping[str, Any],
    ) -> None:
        """Goes on at step `start` of `steps`; `about` is the config and the code's version, for TensorBoard.

        What an earlier run recorded of step `start` and later ones is dropped.
        """
        self._start, self._log_every, self._clock = start, log_every, clock
        self._tensorboard: TensorBoard | None = None
        self._timing: JsonLines | None = None
        self._progress: Progress = Silence()
        sinks = []
        if is_first():
            self._tensorboard = TensorBoard(workdir, start)
            self._tensorboard.write_text(start, "about", json.dumps(about, indent=2))
            self._timing = JsonLines(workdir / TIMING, start)
            self._progress = show_progress(start, steps)
            sinks = [JsonLines(workdir / RECORD, start), self._tensorboard]

        def give_up(step: int) -> str:
            # What fails in the state that has seen `step` batches would fail again: it goes on from an earlier one.
            checkpoints.give_up(step)
            last = checkpoints.latest
            return f"{workdir}: " + (
                "no checkpoint is good, it begins anew" if last is None else f"the last good checkpoint is {last}"
            )

        self._metrics = MetricWriter(sinks, start, give_up=give_up)

    def metrics(self, step: int, metrics: Metrics) -> None:
        """Takes metrics of the model that has seen `step` batches; see `MetricWriter` for errors."""
        self._metrics.write(step, metrics)

    def check(self, step: int, metrics: Metrics) -> None:
        """UserError if one of these metrics of a step is not finite; they are not written."""
        self._metrics.check(step, metrics)

    def finish_before(self, step: int) -> None:
        """Writes all metrics of steps before `step`; UserError if one is not finite."""
        self._metrics.flush_before(step)

    def found(self, step: int, numbers: Mapping[str, float], found: Mapping[str, Findings]) -> None:
        """Takes what the evaluators found, of which `numbers` are recorded."""
        self._metrics.write(step, numbers)
        described = ", ".join(f"{name} {value:.3f}" for name, value in numbers.items())
        self._progress.note(f"step {step}: {described or 'not evaluated'}")
        if self._tensorboard is not None:
            for name, findings in found.items():
                for picture in findings.pictures:
                    self._tensorboard.write_picture(step, f"{name}/{picture.name}", picture.pixels)

    def stepped(self, step: int) -> None:
        """Takes that the batch of `step` is done, and writes the timing if it is time."""
        self._clock.count_step()
        if step == self._start:  # it compiled
            numbers = {"time/first_step": self._clock.lap()["time/step"]}
        elif (step + 1) % self._log_every == 0:
            numbers = self._clock.lap()
        else:
            numbers = {}
        if numbers and self._timing is not None and self._tensorboard is not None:
            self._timing.write(step, numbers)
            self._tensorboard.write(step, numbers)
        self._progress.update(step + 1, self._metrics.latest.get("loss"))

    def note(self, text: str) -> None:
        """Shows a line on the screen."""
        self._progress.note(text)

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._metrics.__exit__(kind, error, trace)
        finally:
            if self._timing is not None:
                self._timing.close()
            self._progress.close()
