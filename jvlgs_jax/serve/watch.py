"""One video being watched in a thread of its own, and what a page can see of it meanwhile."""

import logging
import threading
import time
from collections import deque
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from jvlgs_jax.data.live import LiveVideo
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.predict import Probabilities, predict
from jvlgs_jax.inference.report import verdict
from jvlgs_jax.inference.results import About
from jvlgs_jax.inference.summary import Summary
from jvlgs_jax.inference.timeline import Timeline
from jvlgs_jax.inference.watching import Event, Observation, WatchConfig
from jvlgs_jax.serve.stoppable import StoppableVideo

EVENTS_SHOWN = 100  # the latest; events.json has all

_NUMBERS = count(1)  # tell one watch from the next

Picture = UInt8[np.ndarray, "h w 3"]


class Stage(StrEnum):
    """How far a watch is."""

    PREPARING = "preparing"  # no frame is answered yet: the network may be compiled
    WATCHING = "watching"
    DONE = "done"
    STOPPED = "stopped"  # before the end of the video; results are of the frames until then
    FAILED = "failed"


class _Abandoned(Exception):  # noqa: N818  # no error
    """Nobody wants the results any more."""


class Watch:
    """Segments a video as `jvlgs predict` does, into a folder, from `start` until it is done or stopped."""

    def __init__(
        self,
        video: StoppableVideo | LiveVideo,
        network: Probabilities,
        config: WatchConfig,
        watched: Bool[np.ndarray, "h w"] | None,
        output: Path,
        origin: About,
    ) -> None:
        """Prepares a watch; the arguments are those of `predict`, and the folder `output` exists."""
        self._number = next(_NUMBERS)
        self._abandon = threading.Event()
        self._video, self._network, self._config, self._watched = video, network, config, watched
        self._output, self._origin = output, origin
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._lock = threading.Lock()  # for all below
        self._stage = Stage.PREPARING
        self._problem: str | None = None
        self._timeline = Timeline()
        self._summary = Summary()
        self._events: deque[dict[str, Any]] = deque(maxlen=EVENTS_SHOWN)
        self._seen: Observation | None = None
        self._picture: Picture | None = None
        self._began = self._answered = time.monotonic()

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the watch soon, with results of the frames so far."""
        self._video.stop()

    def abandon(self, wait_s: float) -> None:
        """Ends the watch without results, and waits for that; a network that is being compiled is not waited for."""
        self._abandon.set()
        self.stop()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    @property
    def stage(self) -> Stage:
        """How far it is."""
        with self._lock:
            return self._stage

    @property
    def picture(self) -> Picture | None:
        """The latest overlay; None before the first."""
        with self._lock:
            return self._picture

    def state(self) -> dict[str, Any]:
        """Returns what a page shows, as JSON's types."""
        with self._lock:
            seen, summary = self._seen, self._summary
            elapsed = self._answered - self._began
            return {
                "number": self._number,
                "stage": str(self._stage),
                "problem": self._problem,
                "frames": summary.frames,
                "rate": round((summary.frames - 1) / elapsed, 2) if summary.frames > 1 and elapsed > 0 else None,
                "row": None if seen is None else seen.row._asdict(),
                "summary": str(summary),
                "verdict": verdict(summary),
                "evidence": self._config.alarm.on,
                "alarms": summary.alarms,
                "events": list(self._events),
                "spans": [
                    span._replace(max_probability=round(span.max_probability, 4)) for span in self._timeline.spans
                ],
            }

    def _run(self) -> None:
        try:
            predict(
                self._video,
                self._network,
                self._config,
                self._output,
                watched=self._watched,
                origin=self._origin,
                tell=self._tell,
                see=self._see,
            )
        except Exception as error:
            if self._abandon.is_set():  # its folder may be gone by now
                self._end(Stage.STOPPED)
            elif isinstance(error, UserError):
                self._end(Stage.FAILED, str(error))
            else:
                logging.getLogger(__name__).exception("a watch failed")
                self._end(Stage.FAILED, "a fault of this program ended the watch: the terminal says which")
        else:
            whole = isinstance(self._video, LiveVideo) or self._video.whole  # a live input never ends by itself
            self._end(Stage.DONE if whole else Stage.STOPPED)

    def _tell(self, event: Event) -> None:
        with self._lock:
            self._events.append(event.to_json())

    def _see(self, seen: Observation, picture: Picture) -> None:
        if self._abandon.is_set():
            raise _Abandoned
        with self._lock:
            self._stage = Stage.WATCHING
            if self._seen is None:
                self._began = time.monotonic()
            self._answered = time.monotonic()
            self._seen, self._picture = seen, picture
            self._summary = self._summary.with_frame(seen)
            self._timeline.push(seen.row)

    def _end(self, stage: Stage, problem: str | None = None) -> None:
        with self._lock:
            self._stage, self._problem = stage, problem
