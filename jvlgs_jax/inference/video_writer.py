"""Writes RGB frames as a video that every player opens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.inference.replacement import replacement

WriteFrame = Callable[[UInt8[np.ndarray, "h w 3"]], None]

# The denominator of the broadcast rates 24000/1001, 30000/1001 and 60000/1001.
_LARGEST_RATE_DENOMINATOR = 1001


@contextmanager
def video_writer(path: Path, frames_per_second: float) -> Iterator[WriteFrame]:
    """Yields a function that appends one RGB frame to the H.264 video at `path`; all frames have the first one's size.

    The format (yuv420p) holds only even sizes: an odd last row or column is repeated once. The video replaces an
    earlier file at the end of the block and only if the block succeeds.
    """
    rate = Fraction(frames_per_second).limit_denominator(_LARGEST_RATE_DENOMINATOR)
    with replacement(path) as partial, av.open(partial, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "20"}

        def write(frame: UInt8[np.ndarray, "h w 3"]) -> None:
            height, width, _ = frame.shape
            even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            if not stream.codec_context.is_open:
                stream.height, stream.width = even.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))

        yield write
        container.mux(stream.encode())
