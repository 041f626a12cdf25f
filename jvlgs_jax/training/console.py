"""What a training shows on the screen: a bar in a terminal, else a line now and then."""

import sys
import time
from typing import Protocol, runtime_checkable

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 30.0


@runtime_checkable
class Screen(Protocol):
    """A text stream, such as stderr."""

    def write(self, text: str, /) -> object:
        """Writes text."""
        ...

    def flush(self) -> object:
        """Sends it off."""
        ...

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        ...


@runtime_checkable
class Progress(Protocol):
    """Shows how far a training is."""

    def update(self, step: int, loss: float | None) -> None:
        """Tells that `step` batches are seen, and the latest loss if one is known."""
        ...

    def note(self, text: str) -> None:
        """Shows a line of text."""
        ...

    def close(self) -> None:
        """Shows no more."""
        ...


def show_progress(start: int, steps: int, stream: Screen | None = None) -> Progress:
    """Returns what suits `stream`, by default stderr, for a training that goes on at step `start`."""
    stream = sys.stderr if stream is None else stream
    return Bar(start, steps, stream) if stream.isatty() else Lines(start, steps, stream)


class Bar:
    """A bar that moves in a terminal."""

    def __init__(self, start: int, steps: int, stream: Screen) -> None:
        self._stream = stream
        self._bar = tqdm(total=steps, initial=start, desc="train", unit="step", file=stream)

    def update(self, step: int, loss: float | None) -> None:
        """Moves the bar."""
        if loss is not None:
            self._bar.set_postfix(loss=loss, refresh=False)
        self._bar.update(step - self._bar.n)

    def note(self, text: str) -> None:
        """Shows a line above the bar."""
        self._bar.write(text, file=self._stream)

    def close(self) -> None:
        """Leaves the bar as it is."""
        self._bar.close()


class Lines:
    """One line an interval, for a log."""

    def __init__(
        self, start: int, steps: int, stream: Screen, *, seconds_between: float = SECONDS_BETWEEN_LINES
    ) -> None:
        self._steps, self._stream, self._between = steps, stream, seconds_between
        self._start, self._began = start, time.monotonic()
        self._shown = self._began

    def update(self, step: int, loss: float | None) -> None:
        """Shows a line if the last one is old enough, and at the end."""
        now = time.monotonic()
        if now - self._shown < self._between and step < self._steps:
            return
        self._shown = now
        pace = (now - self._began) / max(step - self._start, 1)
        parts = [f"step {step} of {self._steps}"]
        if loss is not None:
            parts.append(f"loss {loss:.4f}")
        parts += [f"{pace:.3g} s a step", f"{duration(pace * (self._steps - step))} left"]
        self.note(", ".join(parts))

    def note(self, text: str) -> None:
        """Shows a line."""
        print(text, file=self._stream, flush=True)

    def close(self) -> None:
        """Has nothing to close."""


class Silence:
    """Shows nothing: for all processes but the first."""

    def update(self, step: int, loss: float | None) -> None:
        """Shows nothing."""

    def note(self, text: str) -> None:
        """Shows nothing."""

    def close(self) -> None:
        """Has nothing to close."""


def duration(seconds: float) -> str:
    """Returns a time such as "3:07:09" or "0:42"."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
