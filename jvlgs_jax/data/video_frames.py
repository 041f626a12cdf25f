"""Frames out of video files, as they are stored: 8 bits a sample, or the raw levels of a camera with more."""

import math
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
SURE_SHARE = 0.99  # of a duration, which is seldom exact: what ends before is told
PADDING_S = 0.2  # that encoders add to sound, which a file may count in its duration but does not hold


class Declaration(NamedTuple):
    """What a video file says of itself: how many frames it shows (0: unknown) and its frame rate."""

    frame_count: int
    frames_per_second: float


def declaration(path: Path) -> Declaration:
    """Reads what the file declares; UserError where it is no video or states no frame rate."""
    with _open(path) as container:
        return _declared(path, container)[0]


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


class _Extent(NamedTuple):
    """From when to when a file shows frames that were not counted, by its own clock, in seconds."""

    start: float
    end: float
    unsure: float  # it may well end so much earlier
    sound: bool  # whether the end may be that of sound


def _declared(path: Path, container: av.container.InputContainer) -> tuple[Declaration, _Extent | None]:
    """What a file declares; without an extent, its frames were counted, else it is only sure how long they last."""
    stream = container.streams.video[0]
    rate = stream.average_rate or stream.guessed_rate
    if not rate:
        raise UserError(f"{path}: the file states no frame rate: re-encode it with one, for example to mp4")
    # Of other formats, such as AVI, the duration is what FFmpeg has found in the file, also in one that was cut short
    extent = _shown_in_part(stream) if "mp4" in container.format.name else None
    if extent is None and stream.frames:
        return Declaration(stream.frames, float(rate)), None
    if extent is None:
        start, length = (container.start_time or 0) / av.time_base, (container.duration or 0) / av.time_base
        sound = len(container.streams) > 1
        extent = _Extent(start, start + length, PADDING_S if sound else 0.0, sound)
    return Declaration(round((extent.end - extent.start) * float(rate)), float(rate)), extent


def _shown_in_part(stream: av.VideoStream) -> _Extent | None:
    """What an MP4 shows whose edit list hides frames, as cutting without encoding leaves it; None: it hides none."""
    if not (stream.duration and stream.time_base and stream.average_rate):
        return None
    start = max(stream.start_time or 0, 0)  # the picture may begin after the sound
    length, shown = (float(ticks * stream.time_base) for ticks in (stream.duration, stream.duration - start))
    rate = float(stream.average_rate)
    if abs(length * rate - stream.frames) < 0.5 or shown * rate > stream.frames - 0.5:
        return None
    return _Extent(length - shown, length, 1 / rate, sound=False)  # a cut may lie within a frame


def _decode(path: Path) -> Iterator[av.VideoFrame]:
    with _open(path) as container:
        declared, extent = _declared(path, container)
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        count, end = 0, extent.start if extent else 0.0
        try:
            for packet in container.demux():
                if packet.stream.index != stream.index:
                    end = max(end, _end(packet)) if extent and extent.sound else end
                    continue
                if packet.is_corrupt and stream.frames:  # the file ends in it, and not every decoder would tell
                    continue
                end = max(end, _end(packet, 1 / declared.frames_per_second))
                for frame in stream.decode(packet):
                    count += 1
                    _check_pixels(path, frame)
                    yield frame
        except av.FFmpegError as error:
            raise UserError(
                f"{path}: damaged after frame {count} of {declared.frame_count} ({error.strerror}): copy the file again"
            ) from error
    _check_whole(path, count, end, declared, extent)


def _end(packet: av.Packet, shortest: float = 0.0) -> float:
    """When a packet ends, in seconds, which lasts at least so long; one without a time ends before all others."""
    time = packet.dts if packet.pts is None else packet.pts
    if time is None or packet.time_base is None:
        return -math.inf
    return float(time * packet.time_base) + max(float((packet.duration or 0) * packet.time_base), shortest)


def _check_pixels(path: Path, frame: av.VideoFrame) -> None:
    if _FLOATS.search(frame.format.name):
        raise UserError(f"{path}: {frame.format.name} pixels, frames have 8 to 16 bits: convert it to gray16le in .mkv")


def _check_whole(path: Path, count: int, end: float, declared: Declaration, extent: _Extent | None) -> None:
    """UserError where a tenth of a file or more is missing at its end; of less, a line on stderr tells."""
    read, share, sure = f"{count} of {declared.frame_count} frames", count / max(declared.frame_count, 1), 1.0
    if extent is not None and count:
        found, whole = end - extent.start, extent.end - extent.start
        read = f"{found:.2f} of {whole:.2f} seconds"
        share, sure = (found + extent.unsure) / max(whole, extent.unsure), SURE_SHARE
    if not count or share < WHOLE_SHARE:
        raise UserError(f"{path}: cut short, {read} can be read: copy the file again")
    if share < sure:
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
