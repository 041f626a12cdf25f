"""SIGTERM and Ctrl-C during a training: first save, then end."""

import signal
from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class DeferredInterruption:
    """Inside this context a first Ctrl-C or SIGTERM only sets `requested`: the caller stops where it is safe.

    The signal takes its usual effect when the context ends, and a second one at once. Main thread only.
    """

    def __init__(self) -> None:
        self.requested: signal.Signals | None = None

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.requested is not None:
            self._restore()
            signal.raise_signal(number)
        self.requested = signal.Signals(number)

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def __enter__(self) -> "DeferredInterruption":
        self._previous = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
        if self.requested is not None and kind is None:
            signal.raise_signal(self.requested)
