"""A camera or a network stream as a stream of frames that never ends by itself: a lost one is opened again."""

import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.errors import UserError

SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "http", "https", "udp", "tcp", "rtp", "srt"})
CAMERA_DIGITS = 4  # of the largest number; a longer one is the name of a file that is not there
USUAL_RATE = 15.0  # frames a second, where a camera does not say its own
BELIEVED_RATES = (1.0, 120.0)
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0  # between attempts to open a lost stream, doubled each time
TIMEOUT_MS = 10_000
KEPT = 16  # frames that wait for the network; older ones are left out

Notice = Callable[[str], None]
"""Is told in one line what happens to a stream."""


@runtime_checkable
class Capture(Protocol):
    """What is asked of a `cv2.VideoCapture`."""

    def isOpened(self) -> bool:  # noqa: N802  # OpenCV's name
        """Whether it can be read."""
        ...

    def read(self) -> tuple[bool, np.ndarray | None]:
        """The next frame, BGR."""
        ...

    def get(self, propId: int) -> float:  # OpenCV's name
        """One of its properties."""
        ...

    def release(self) -> None:
        """Ends it."""
        ...


def open_capture(address: str) -> Capture:
    """Opens a camera by its number, or a stream by its URL; both give up after ten seconds without a frame."""
    if address.isdecimal():
        return cv2.VideoCapture(int(address))
    timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT_MS]
    return cv2.VideoCapture(address, cv2.CAP_FFMPEG, timeouts)


def is_live(path: str) -> bool:
    """Whether a path means a camera, by its number, or a stream, by its URL; a file of that name hides it."""
    scheme, found, _ = path.partition("://")
    named = scheme.lower() in SCHEMES if found else path.isdecimal() and len(path) <= CAMERA_DIGITS
    return named and not os.path.exists(path)  # noqa: PTH110  # unlike Path's, false for a URL that is too long


@dataclass(kw_only=True)
class LiveVideo:
    """A live input. Iterating over it gives the newest frames as they come, in 8-bit RGB, until `stop` is called.

    Nothing is read before the first frame is asked for: whoever has something to prepare does so before that.

    Frames are taken at no more than `frames_per_second`. Where whoever iterates is slower, the oldest ones that wait
    are left out. A stream that is lost is opened again, at first after a second, then after twice as long each time, at
    most a minute; whatever happens is told to `notice`.

    Attributes:
        address: the camera's number, or the URL.
        frames_per_second: at most.
        size: (height, width) of the frames; a stream that comes back with another size is resized to it.
        began: when it was opened; once frames are asked for, when that began.
        duration: seconds from then on after which it stops by itself; None: never.
    """

    address: str
    frames_per_second: float
    size: tuple[int, int]
    notice: Notice
    open_capture: Callable[[str], Capture]
    began: datetime
    frame_count: int = 0  # unknown
    duration: float | None = None

    def __post_init__(self) -> None:
        self._stopped = threading.Event()
        self._arrived = threading.Condition()
        self._waiting: deque[UInt8[np.ndarray, "h w 3"]] = deque()
        self._left_out = 0
        self._failure: Exception | None = None

    @property
    def name(self) -> str:
        """What results call it: its address, without a password."""
        return public_address(self.address)

    def stop(self) -> None:
        """Ends the iteration after the frames that have arrived; may be called from anywhere, a signal handler too."""
        self._stopped.set()

    def __iter__(self) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """Yields frames as they arrive; what fails as they are read fails here, after those that had arrived."""
        reader = threading.Thread(target=self._keep_reading, name=f"reads {self.name}", daemon=True)
        timer = threading.Timer(self.duration or 0.0, self.stop)
        timer.daemon = True
        self.began = datetime.now(UTC)
        reader.start()
        if self.duration is not None:
            timer.start()
        try:
            while (frame := self._next()) is not None:
                yield frame
        finally:
            timer.cancel()
            self._stopped.set()
            reader.join(timeout=2 * TIMEOUT_MS / 1000)

    def _next(self) -> UInt8[np.ndarray, "h w 3"] | None:
        while True:
            with self._arrived:
                # A short wait, as a signal handler that calls `stop` must not take the lock to wake us
                self._arrived.wait_for(lambda: bool(self._waiting), timeout=0.1)
                if self._waiting:
                    return self._waiting.popleft()
                if self._failure is not None:
                    raise self._failure
            if self._stopped.is_set():
                return None

    def _keep_reading(self) -> None:
        try:
            self._read()
        except Exception as error:  # of any kind, as nobody sees how a thread ends
            if not self._stopped.is_set():  # else all that was asked for has come
                self._failure = error

    def _read(self) -> None:
        capture, taken, start = self.open_capture(self.address), 0, time.monotonic()
        while not self._stopped.is_set():
            read, picture = capture.read()
            if not read or picture is None:
                capture.release()
                reopened = self._reopen()
                if reopened is None:
                    return
                capture, taken, start = reopened, 0, time.monotonic()
            elif (time.monotonic() - start) * self.frames_per_second >= taken - 1:
                taken += 1
                self._take(picture)
        capture.release()

    def _take(self, picture: np.ndarray) -> None:
        frame = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB if picture.ndim == 3 else cv2.COLOR_GRAY2RGB)
        if frame.shape[:2] != self.size:
            frame = cv2.resize(frame, self.size[::-1], interpolation=cv2.INTER_AREA)
        with self._arrived:
            self._waiting.append(frame)
            if len(self._waiting) > KEPT:
                self._waiting.popleft()
                self._left_out += 1
                if self._left_out & (self._left_out - 1) == 0:  # told at 1, 2, 4, ...
                    self.notice(
                        f"{self.name}: {self._left_out} frames left out, as the network is slower than "
                        f"{self.frames_per_second:g} a second: set a lower --frame-rate"
                    )
            self._arrived.notify()

    def _reopen(self) -> Capture | None:
        """Opens the lost stream again; None if it is to stop, now or meanwhile."""
        wait, lost = FIRST_WAIT_S, time.monotonic()
        while not self._stopped.is_set():
            self.notice(f"{self.name}: the stream is lost, trying again in {wait:g} s")
            if self._stopped.wait(wait):
                break
            capture = self.open_capture(self.address)
            if capture.isOpened():
                self.notice(f"{self.name}: the stream is back after {time.monotonic() - lost:.0f} s")
                return capture
            capture.release()
            wait = min(2 * wait, LONGEST_WAIT_S)
        return None


def open_live(
    address: str,
    notice: Notice,
    *,
    frames_per_second: float | None = None,
    duration: float | None = None,
    open_capture: Callable[[str], Capture] = open_capture,
) -> LiveVideo:
    """Opens a camera or stream once, to see its size and rate; UserError where it gives no frame.

    `frames_per_second` is the rate to take frames at; None: the camera's own, or 15 where it says none. `duration`:
    see `LiveVideo`.
    """
    capture = open_capture(address)
    try:
        read, picture = capture.read() if capture.isOpened() else (False, None)
        stated = capture.get(cv2.CAP_PROP_FPS)
    finally:
        capture.release()
    if not read or picture is None:
        kind = "camera" if address.isdecimal() else "stream"
        raise UserError(f"{public_address(address)}: no frame from this {kind}: check that it runs and can be reached")
    least, most = BELIEVED_RATES
    rate = frames_per_second or (stated if least <= stated <= most else USUAL_RATE)
    return LiveVideo(
        address=address,
        frames_per_second=rate,
        size=picture.shape[:2],
        notice=notice,
        open_capture=open_capture,
        began=datetime.now(UTC),
        duration=duration,
    )


def public_address(address: str) -> str:
    """Returns an address without the name and the password that it may hold, or "camera 0" for the number 0."""
    if address.isdecimal():
        return f"camera {address}"
    return re.sub(r"://[^/?#]*@", "://", address, count=1)
