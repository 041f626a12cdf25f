"""A recording, in a video file or a folder of images, as a stream of frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from jvlgs_jax.data.gain import EIGHT_BITS, GAIN_FRAMES, Frame, Gain, measure_gain
from jvlgs_jax.data.images import (
    CHROMA_PROBE_FRAMES,
    IMAGE_SUFFIXES,
    RawPixels,
    check_alike,
    decode_image,
    is_grey,
    list_images,
    raw_pixels,
)
from jvlgs_jax.data.video_frames import declaration, decode_colors, decode_grey
from jvlgs_jax.errors import UserError

VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".m4v", ".webm", ".mpg", ".mpeg", ".wmv", ".ts"})


@dataclass(frozen=True, kw_only=True)
class Video:
    """A recording that can be read from the start any number of times, holding one frame at a time.

    Attributes:
        path: a video file, or a folder of images.
        frame_count: as the file declares it; 0 if it does not say. For progress bars: reading may give a few less.
        frames_per_second: of the recording; as given to `open_video` for a folder of images.
        channels: 1 (grey) or 3 (RGB), the same for every frame. A video whose first frames are grey up to the codec's
            noise is read as grey.
        gain: from raw levels to grey levels, one for all frames.
    """

    path: Path
    frame_count: int
    frames_per_second: float
    channels: int
    gain: Gain = EIGHT_BITS

    @property
    def name(self) -> str:
        """Of the file or folder."""
        return self.path.name

    def __iter__(self) -> Iterator[Frame]:
        """Yields every frame from the first in grey levels: of 8 bits as it is stored, of more with fractions.

        UserError where the file is damaged, and where the size or the depth of the frames changes.
        """
        return (self.gain.to_grey(pixels) for pixels in self.raw())

    def raw(self) -> Iterator[RawPixels]:
        """Yields every frame as the camera gave it: 8 bits, or 16 bits and grey. UserError as for iterating."""
        first = None
        for pixels in _read(self.path, grey=self.channels == 1):
            first = pixels if first is None else first
            check_alike(pixels, first, self.path)
            yield pixels

    def read(self) -> UInt8[np.ndarray, "n h w c"] | Float32[np.ndarray, "n h w c"]:
        """Returns all frames in grey levels."""
        return np.stack(list(self))


def open_video(path: Path, *, image_frames_per_second: float = 15.0) -> Video:
    """Opens a video file or a folder of images (in natural order).

    Grey recordings of more than 8 bits get one gain, that of their first frames; in colours, video is read as 8 bits.

    UserError for a missing path, a file that is no video, an empty folder, a video without a frame, and images of 16
    bits in colours.
    """
    path = Path(path)
    if path.is_dir():
        count, rate = len(_images(path)), image_frames_per_second
        probe = (decode_image(file.read_bytes(), file) for file in _images(path))
    else:
        count, rate = declaration(path)
        probe = decode_colors(path)
    grey = all(map(is_grey, islice(probe, CHROMA_PROBE_FRAMES)))
    gain = measure_gain(islice(_read(path, grey=grey), GAIN_FRAMES))
    return Video(path=path, frame_count=count, frames_per_second=rate, channels=1 if grey else 3, gain=gain)


def _read(path: Path, *, grey: bool) -> Iterator[RawPixels]:
    if path.is_dir():
        return (raw_pixels(decode_image(file.read_bytes(), file), file, grey=grey) for file in _images(path))
    return decode_grey(path) if grey else decode_colors(path)


def _images(folder: Path) -> tuple[Path, ...]:
    found = list_images(folder)
    if not found:
        raise UserError(f"{folder}: no image in this folder: it should hold {', '.join(sorted(IMAGE_SUFFIXES))} files")
    return found
