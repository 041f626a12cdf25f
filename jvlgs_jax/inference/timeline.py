"""The course of a video of any length in bounded memory."""

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from jvlgs_jax.inference.frame_table import FrameRow

SPANS = 600  # a picture of it has about so many columns


class Span(NamedTuple):
    """Consecutive frames: how many they are, their maxima, and whether one of them had an alarm or was suspended."""

    frames: int
    max_probability: float
    area_share: float
    alarm: int
    suspended: int


class Timeline:
    """Keeps between `spans` and twice as many spans of equal length, once there are so many frames.

    Whenever there are twice as many, neighbours are joined, so that no maximum is lost; the last span may be shorter.
    """

    def __init__(self, spans: int = SPANS) -> None:
        """Starts a video."""
        self._limit = 2 * spans
        self._length = 1  # frames in a span
        self._spans: list[Span] = []

    def push(self, row: FrameRow) -> None:
        """Adds the next frame."""
        span = Span(1, row.max_probability, row.area_share, row.alarm, row.suspended)
        if self._spans and self._spans[-1].frames < self._length:
            self._spans[-1] = _join(self._spans[-1], span)
            return
        if len(self._spans) == self._limit:
            pairs = zip(self._spans[::2], self._spans[1::2], strict=True)
            self._spans = [_join(first, second) for first, second in pairs]
            self._length *= 2
        self._spans.append(span)

    @property
    def spans(self) -> tuple[Span, ...]:
        """The spans so far, in order."""
        return tuple(self._spans)


def runs(spans: tuple[Span, ...], name: str) -> Iterator[tuple[int, int]]:
    """Yields first frame and number of frames of each longest stretch of spans in which `name` is not zero."""
    first = 0
    for value, group in groupby(spans, key=lambda span: bool(getattr(span, name))):
        frames = sum(span.frames for span in group)
        if value:
            yield first, frames
        first += frames


def _join(first: Span, second: Span) -> Span:
    return Span(first.frames + second.frames, *map(max, first[1:], second[1:]))
