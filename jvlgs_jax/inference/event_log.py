"""events.json: what happened in a video, and how it was watched."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from jvlgs_jax.inference.replacement import replacement
from jvlgs_jax.inference.watching import Event, News

FORMAT = 1

_OVER = {News.ALARM_ENDED: "alarm", News.CAMERA_SETTLED: "camera_motion"}


class EventLog:
    """Writes each alarm and each time of camera motion once it is over; none is kept in memory."""

    def __init__(self, file: TextIO) -> None:
        """Begins the file."""
        self._file = file
        self._separator = "\n"
        file.write(f'{{\n"format": {FORMAT},\n"events": [')

    def add(self, event: Event) -> None:
        """Takes an event; of the two that a thing has, the second tells all."""
        if event.news not in _OVER:
            return
        self._file.write(self._separator + json.dumps({"type": _OVER[event.news], **event.about.to_json()}))
        self._separator = ",\n"

    def finish(self, about: Mapping[str, Any]) -> None:
        """Ends the file with what there is to say of the whole video, by name."""
        self._file.write("\n]")
        for name, value in about.items():
            self._file.write(f",\n{json.dumps(name)}: {json.dumps(value)}")
        self._file.write("\n}\n")


@contextmanager
def event_log(path: Path) -> Iterator[EventLog]:
    """Yields the log, which must be finished; an earlier file is replaced at the end of the block."""
    with replacement(path) as partial, partial.open("w", encoding="utf-8") as file:
        yield EventLog(file)
