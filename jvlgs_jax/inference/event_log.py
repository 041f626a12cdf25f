"""events.json: what happened in a video, and how it was watched."""

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from jvlgs_jax.inference.alarms import Alarm
from jvlgs_jax.inference.appended import open_after, saved_length
from jvlgs_jax.inference.replacement import replacement
from jvlgs_jax.inference.watching import Event, News

FORMAT = 1

_OVER = {News.ALARM_ENDED: "alarm", News.CAMERA_SETTLED: "camera_motion"}


class EventLog:
    """Keeps each alarm and each time of camera motion, once it is over, as a line of a file; none is kept in memory."""

    def __init__(self, path: Path, length: int = 0) -> None:
        """Begins the file of lines, or goes on after the first `length` bytes of it, as `saved` returned them."""
        self._path = path
        self._file = open_after(path, length)

    def add(self, event: Event) -> None:
        """Takes an event; of the two that a thing has, the second tells all."""
        if event.news in _OVER:
            self._file.write(json.dumps({"type": _OVER[event.news], **event.about.to_json()}) + "\n")

    def saved(self) -> int:
        """Returns how many bytes of it are safe on the disk: all."""
        return saved_length(self._file)

    def publish(self, target: Path, about: Mapping[str, Any], going_on: Alarm | None = None) -> None:
        """Writes events.json to `target`: what has happened so far, and what there is to say of the video, by name.

        An alarm that is going on comes last; nothing ended it yet. An earlier file is replaced once this one is whole.
        """
        self._file.flush()
        with replacement(target) as partial, partial.open("w", encoding="utf-8") as file:
            separator = "\n"
            file.write(f'{{\n"format": {FORMAT},\n"events": [')
            for line in chain(self._lines(), [] if going_on is None else [_as_line(going_on)]):
                file.write(separator + line)
                separator = ",\n"
            file.write("\n]")
            for name, value in about.items():
                file.write(f",\n{json.dumps(name)}: {json.dumps(value)}")
            file.write("\n}\n")

    def close(self) -> None:
        """Ends the file of lines."""
        self._file.close()

    def _lines(self) -> Iterator[str]:
        with self._path.open(encoding="utf-8") as file:
            for line in file:
                yield line.rstrip("\n")


def _as_line(alarm: Alarm) -> str:
    return json.dumps({"type": _OVER[News.ALARM_ENDED], **alarm.to_json()})
