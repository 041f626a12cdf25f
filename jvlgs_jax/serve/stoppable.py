"""A recording that can be stopped while it is read, as a live input can."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from jvlgs_jax.data.gain import Frame
from jvlgs_jax.data.video import Video


@dataclass(frozen=True, kw_only=True)
class StoppableVideo(Video):
    """A video for one watch, which ends early once it is told to, after one frame at least."""

    _stopped: threading.Event = field(default_factory=threading.Event, init=False, repr=False, compare=False)
    _ended: threading.Event = field(default_factory=threading.Event, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, video: Video) -> "StoppableVideo":
        """Returns the same video, not stopped."""
        return cls(**{entry.name: getattr(video, entry.name) for entry in fields(Video)})

    def stop(self) -> None:
        """Ends the iteration after the frame that is being read; may be called from any thread."""
        self._stopped.set()

    @property
    def whole(self) -> bool:
        """Whether it was read until it ended by itself; no count that its file declares is needed for that."""
        return self._ended.is_set()

    def __iter__(self) -> Iterator[Frame]:
        """Yields the frames as a `Video` does, until it ends or is stopped."""
        for frame in super().__iter__():
            yield frame
            if self._stopped.is_set():
                return
        self._ended.set()
