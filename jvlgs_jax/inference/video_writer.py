"""Writes RGB frames as a video that every player opens."""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.inference.replacement import replacement

WriteFrame = Callable[[UInt8[np.ndarray, "h w 3"]], None]

# The denominator of the broadcast rates 24000/1001, 30000/1001 and 60000/1001.
_LARGEST_RATE_DENOMINATOR = 1001
_LONGEST_S = 86_400  # that a frame is shown; an MP4 counts its time in 32 bits


@contextmanager
def video_writer(path: Path, frames_per_second: float) -> Generator[WriteFrame]:
    """Yields a function that appends one RGB frame to the H.264 video at `path`; all frames have the first one's size.

    The format (yuv420p) holds only even sizes: an odd last row or column is repeated once. No frame is shown for longer
    than a day. The video replaces an earlier file at the end of the block and only if the block succeeds.
    """
    rate = _as_fraction(frames_per_second)
    with replacement(path) as partial, av.open(partial, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.pix_fmt = "yuv420p"
        # Without B-frames, times of decoding are times of showing, so that videos can be joined
        stream.options = {"preset": "veryfast", "crf": "20", "bf": "0"}

        def write(frame: UInt8[np.ndarray, "h w 3"]) -> None:
            height, width, _ = frame.shape
            even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            if not stream.codec_context.is_open:
                stream.height, stream.width = even.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))

        yield write
        container.mux(stream.encode())


def _as_fraction(frames_per_second: float) -> Fraction:
    """The rate as two numbers small enough for a video; of less than a frame a second, the time of a frame is kept."""
    if frames_per_second >= 1:
        return Fraction(frames_per_second).limit_denominator(_LARGEST_RATE_DENOMINATOR)
    return 1 / Fraction(min(1 / frames_per_second, _LONGEST_S)).limit_denominator(_LARGEST_RATE_DENOMINATOR)


class VideoParts:
    """A long video in parts, each of them a whole file that a killed process leaves behind, joined in the end."""

    def __init__(self, folder: Path, frames_per_second: float, parts: int = 0) -> None:
        """Goes on after the first `parts` parts in `folder`; others there are removed."""
        folder.mkdir(exist_ok=True)
        self._folder, self._frames_per_second = folder, frames_per_second
        self._parts = parts
        kept = {self._part(number) for number in range(parts)}
        for path in set(folder.iterdir()) - kept:
            path.unlink()
        self._writing = ExitStack()
        self._write: WriteFrame | None = None

    def write(self, frame: UInt8[np.ndarray, "h w 3"]) -> None:
        """Appends one RGB frame."""
        if self._write is None:
            self._write = self._writing.enter_context(video_writer(self._part(self._parts), self._frames_per_second))
        self._write(frame)

    def saved(self) -> int:
        """Ends the part that is being written; returns how many there are."""
        if self._write is not None:
            self._writing.close()
            self._write = None
            self._parts += 1
        return self._parts

    def join(self, path: Path) -> None:
        """Writes all parts, at least one, to `path` as one video; they stay."""
        parts = [self._part(number) for number in range(self.saved())]
        with replacement(path) as partial:
            join_videos(parts, partial)

    def _part(self, number: int) -> Path:
        return self._folder / f"{number:06d}.mp4"


def join_videos(parts: Sequence[Path], path: Path) -> None:
    """Writes several videos of one `video_writer`'s making as one, without encoding them again."""
    with av.open(path, "w", format="mp4") as joined:
        target, shift = None, 0
        for part in parts:
            with av.open(part) as container:
                source = container.streams.video[0]
                if target is None:
                    target = joined.add_stream_from_template(source)
                end = shift
                for packet in container.demux(source):
                    if packet.pts is None or packet.dts is None:  # the demuxer's last, which is empty
                        continue
                    end = shift + packet.pts + (packet.duration or 0)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = target
                    joined.mux(packet)
                shift = end
