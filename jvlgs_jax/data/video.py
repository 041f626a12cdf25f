"""Video files and folders of images as a stream of frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from jaxtyping import UInt8, UInt16

from jvlgs_jax.data.natural_order import natural_key
from jvlgs_jax.errors import UserError

VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".m4v", ".webm", ".mpg", ".mpeg", ".wmv", ".ts"})
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})

CHROMA_NOISE = 12  # grey levels between two colours of one pixel that a codec makes of a grey picture
CHROMA_PROBE_FRAMES = 16
WHOLE_SHARE = 0.9  # a file that holds fewer of the frames it declares was cut short


@dataclass(frozen=True, kw_only=True)
class Video:
    """A video that can be read from the start any number of times, holding one frame at a time.

    Attributes:
        path: a video file, or a folder of images.
        frame_count: as the file declares it; 0 if it does not say. For progress bars: reading may give a few less.
        frames_per_second: of the recording; as given to `open_video` for a folder of images.
        channels: 1 (grey) or 3 (RGB), the same for every frame. A video whose first frames are grey up to the codec's
            noise is read as grey.
    """

    path: Path
    frame_count: int
    frames_per_second: float
    channels: int

    def __iter__(self) -> Iterator[UInt8[np.ndarray, "h w c"]]:
        """Yields every frame from the first. UserError where the file is damaged or the frame size changes."""
        size = None
        for frame in _read_colors(self.path):
            size = size or frame.shape
            if frame.shape != size:
                raise UserError(
                    f"{self.path}: a frame of {frame.shape[1]}x{frame.shape[0]} follows frames of {size[1]}x{size[0]}: "
                    "convert the video to one size"
                )
            yield cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None] if self.channels == 1 else frame

    def read(self) -> UInt8[np.ndarray, "n h w c"]:
        """Returns all frames."""
        return np.stack(list(self))


def open_video(path: Path, *, image_frames_per_second: float = 15.0) -> Video:
    """Opens a video file or a folder of images (in natural order).

    UserError for a missing path, a file that is no video, an empty folder, and a video without a frame.
    """
    path = Path(path)
    if path.is_dir():
        count, rate = len(image_files(path)), image_frames_per_second
    else:
        count, rate = _describe(path)
    probe = list(islice(_read_colors(path), CHROMA_PROBE_FRAMES))
    channels = 1 if all(map(is_grey, probe)) else 3
    return Video(path=path, frame_count=count, frames_per_second=rate, channels=channels)


def image_files(folder: Path) -> list[Path]:
    """Returns the images of `folder` in natural order; UserError where there is none."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    if not found:
        raise UserError(f"{folder}: no image in this folder: it should hold {', '.join(sorted(IMAGE_SUFFIXES))} files")
    return sorted(found, key=lambda path: natural_key(path.name))


def read_image(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Returns an 8-bit image in RGB; UserError where it cannot be read or has more bits."""
    image = decode_image(path.read_bytes(), path)
    if image.dtype != np.uint8:
        raise UserError(f"{path}: {image.dtype} pixels, the limit is 8 bits: convert it with a gain fixed for the clip")
    return image


def decode_image(encoded: bytes, path: Path) -> UInt8[np.ndarray, "h w 3"] | UInt16[np.ndarray, "h w 3"]:
    """Returns the image in a file's content in RGB; UserError, naming `path`, for other than 8 or 16 bits."""
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags) if encoded else None
    if image is None:
        raise UserError(f"{path}: not a readable image: replace or remove it")
    if image.dtype not in (np.uint8, np.uint16):
        raise UserError(f"{path}: {image.dtype} pixels, frames have 8 or 16 bits: convert it to 16-bit PNG")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def is_grey(frame: UInt8[np.ndarray, "h w 3"]) -> bool:
    """Whether the three colours of every pixel are equal, up to a codec's noise."""
    red, green, blue = cv2.split(frame)
    return max(int(cv2.absdiff(red, green).max()), int(cv2.absdiff(green, blue).max())) <= CHROMA_NOISE


def _open(path: Path) -> av.container.InputContainer:
    if not path.exists():
        raise UserError(f"{path}: no such file: check the path")
    try:
        container = av.open(str(path))
    except av.FFmpegError as error:
        raise UserError(f"{path}: not a readable video ({error.strerror}): re-encode it, for example to mp4") from error
    if not container.streams.video:
        container.close()
        raise UserError(f"{path}: no video in this file: give a video file or a folder of images")
    return container


def _describe(path: Path) -> tuple[int, float]:
    """Returns the frame count (0: unknown) and the frame rate that the file declares."""
    with _open(path) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate or stream.guessed_rate
        if not rate:
            raise UserError(f"{path}: the file states no frame rate: re-encode it with one, for example to mp4")
        seconds = (container.duration or 0) / av.time_base
        return stream.frames or round(seconds * rate), float(rate)


def _read_colors(path: Path) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    if path.is_dir():
        return map(read_image, image_files(path))
    return _decode(path)


def _decode(path: Path) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    declared, _ = _describe(path)
    count = 0
    with _open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        try:
            for frame in container.decode(stream):
                count += 1
                yield frame.to_ndarray(format="rgb24")
        except av.FFmpegError as error:
            raise UserError(
                f"{path}: damaged after frame {count} of {declared} ({error.strerror}): copy the file again"
            ) from error
    if count == 0 or count < WHOLE_SHARE * declared:
        raise UserError(f"{path}: cut short, {count} of {declared} frames can be read: copy the file again")
