"""Frames out of video files, as they are stored: 8 bits a sample, or the raw levels of a camera with more."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from jaxtyping import UInt8, UInt16
from tqdm import tqdm

from jvlgs_jax.data.images import RawPixels
from jvlgs_jax.errors import UserError

_FLOATS = re.compile(r"f(16|32)[lb]e$")  # of the names of pixel formats, such as grayf32le

WHOLE_SHARE = 0.9  # a file that holds fewer of the frames it declares was cut short
SURE_SHARE = 0.99  # of a duration, which may be that of the sound: what ends before is told


class Declaration(NamedTuple):
    """What a video file says of itself: its frame count (0: unknown) and its frame rate."""

    frame_count: int
    frames_per_second: float


def declaration(path: Path) -> Declaration:
    """Reads what the file declares; UserError where it is no video or states no frame rate."""
    with _open(path) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate or stream.guessed_rate
        if not rate:
            raise UserError(f"{path}: the file states no frame rate: re-encode it with one, for example to mp4")
        seconds = (container.duration or 0) / av.time_base
        return Declaration(stream.frames or round(seconds * rate), float(rate))


def decode_colors(path: Path) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Yields every frame in 8-bit RGB, whatever its depth.

    UserError where the file is damaged or cut short; of the loss of less than a tenth, a line on stderr tells.
    """
    return (_colors(frame) for frame in _decode(path))


def decode_grey(path: Path) -> Iterator[RawPixels]:
    """Yields every frame with one channel: of 8 bits its luma, of more the stored levels as 16 bits.

    Which levels a camera uses of its 10 to 16 bits is for a gain to find out, so they are not scaled. UserError and
    a line on stderr as of `decode_colors`.
    """
    for frame in _decode(path):
        if _depth(frame) > 8:
            yield _levels(frame)
        else:
            yield cv2.cvtColor(_colors(frame), cv2.COLOR_RGB2GRAY)[..., None]


def _colors(frame: av.VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
    return frame.to_ndarray(format="rgb24")


def _depth(frame: av.VideoFrame) -> int:
    return max(component.bits for component in frame.format.components)


def _levels(frame: av.VideoFrame) -> UInt16[np.ndarray, "h w 1"]:
    """The first plane, which holds the luma; of grey pictures in other forms (RGB, grey with alpha), what equals it."""
    if frame.format.is_rgb:
        frame = frame.reformat(format="gbrp16le")  # three equal planes
    elif len(frame.format.components) > 1 and not frame.format.is_planar:
        frame = frame.reformat(format="gray16le")
    plane = frame.planes[0]
    stored = np.frombuffer(memoryview(plane), ">u2" if frame.format.is_big_endian else "<u2")
    rows = stored.reshape(-1, plane.line_size // stored.itemsize)
    return rows[: frame.height, : frame.width, None].astype(np.uint16)


def _decode(path: Path) -> Iterator[av.VideoFrame]:
    declared, rate = declaration(path)
    count, last = 0, 0.0
    with _open(path) as container:
        stream = container.streams.video[0]
        seconds = (container.duration or 0) / av.time_base
        counted = stream.frames > 0  # else the count follows from a rate that may vary, and only the time is sure
        stream.thread_type = "AUTO"
        try:
            for frame in container.decode(stream):
                count += 1
                last = frame.time or last
                if _FLOATS.search(frame.format.name):
                    raise UserError(
                        f"{path}: {frame.format.name} pixels, frames have 8 to 16 bits: convert it to gray16le in .mkv"
                    )
                yield frame
        except av.FFmpegError as error:
            raise UserError(
                f"{path}: damaged after frame {count} of {declared} ({error.strerror}): copy the file again"
            ) from error
    found, whole = (count, declared) if counted else (last + 1 / rate, seconds)
    if count == 0 or found < WHOLE_SHARE * whole:
        raise UserError(f"{path}: cut short, {count} of {declared} frames can be read: copy the file again")
    if found < whole * (1 if counted else SURE_SHARE):
        read = f"{count} of {declared} frames" if counted else f"{found:.2f} of {whole:.2f} seconds"
        # Not with print, which would write into the reader's progress bar.
        tqdm.write(f"jvlgs: {path}: {read} could be read: the file may have been cut short", file=sys.stderr)


def _open(path: Path) -> av.container.InputContainer:
    if not path.exists():
        raise UserError(f"{path}: no such file: check the path")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except av.FFmpegError as error:
        raise UserError(f"{path}: not a readable video ({error.strerror}): re-encode it, for example to mp4") from error
    if not container.streams.video:
        container.close()
        raise UserError(f"{path}: no video in this file: give a video file or a folder of images")
    return container
