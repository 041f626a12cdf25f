"""A video that a browser sends, kept under a name that nobody but this program has chosen."""

import asyncio
import errno
import shutil
import unicodedata
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path, PureWindowsPath

from jvlgs_jax.data.video import VIDEO_SUFFIXES
from jvlgs_jax.errors import UserError

MIB = 1 << 20
MAX_UPLOAD_MIB = 2048
PATIENCE_S = 60.0  # in which another MiB of a video must come, or its end
LONGEST_NAME = 120  # characters that are shown of a file's name
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD")  # FFmpeg would open other files and addresses for them
_HEAD = 64  # bytes in which those begin


class TooLargeError(UserError):
    """More was sent than is taken."""


class StalledError(UserError):
    """Its sender sends no more, or next to nothing."""


class NoRoomError(UserError):
    """The disk is full."""


def shown_name(name: str) -> str:
    """Returns what to call a file whose name a browser gave: its last part, without control characters."""
    last = PureWindowsPath(name).name  # splits at / and \ both
    readable = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C").strip()
    return readable[-LONGEST_NAME:] or "video"


async def receive_video(
    chunks: AsyncIterable[bytes], name: str, folder: Path, *, limit: int, announced: int | None = None
) -> Path:
    """Writes the bytes that arrive to a file in `folder` and returns its path.

    Args:
        chunks: the bytes.
        name: as the sender calls the file; only its suffix is used, to choose among those of videos.
        folder: where; it must exist. Nothing is left there if this raises.
        limit: most bytes that are taken; TooLargeError for more, as soon as that is known.
        announced: how many bytes the sender says there are.

    UserError for an unknown suffix, an empty file, and a playlist, which would make the decoder open other files.
    NoRoomError where the disk is too full, StalledError where a minute brings less than a MiB and not the end.
    """
    suffix = Path(shown_name(name)).suffix.lower()
    if suffix not in VIDEO_SUFFIXES:
        raise UserError(f"{shown_name(name)}: not a video file: choose one of {', '.join(sorted(VIDEO_SUFFIXES))}")
    if announced is not None:
        _check_size(announced, limit, name)
        if announced > shutil.disk_usage(folder).free:
            raise NoRoomError(_no_room(name))
    path = folder / f"video{suffix}"
    try:
        await _write(chunks, path, name, limit)
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoomError(_no_room(name)) from error
        raise
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


async def _write(chunks: AsyncIterable[bytes], path: Path, name: str, limit: int) -> None:
    taken = counted = 0
    head = b""
    clock = asyncio.get_running_loop().time
    due = clock() + PATIENCE_S
    with path.open("xb") as file:
        arriving = aiter(chunks)
        while (chunk := await _next(arriving, name, due)) is not None:
            taken += len(chunk)
            if taken - counted >= MIB:
                counted, due = taken, clock() + PATIENCE_S
            _check_size(taken, limit, name)
            head = (head + chunk)[:_HEAD]
            file.write(chunk)
    if taken == 0:
        raise UserError(f"{shown_name(name)}: empty: choose a file with a video in it")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_PLAYLISTS):
        raise UserError(f"{shown_name(name)}: a playlist, not a video: choose the video itself")


async def _next(arriving: AsyncIterator[bytes], name: str, due: float) -> bytes | None:
    try:
        async with asyncio.timeout_at(due):
            return await anext(arriving, None)
    except TimeoutError as error:
        raise StalledError(
            f"{shown_name(name)}: less than a MiB of it came in {PATIENCE_S:g} s: choose it again"
        ) from error


def _check_size(size: int, limit: int, name: str) -> None:
    if size > limit:
        raise TooLargeError(
            f"{shown_name(name)}: larger than {limit / MIB:g} MiB: cut it, or start `jvlgs serve` with a higher "
            "--max-upload-mib"
        )


def _no_room(name: str) -> str:
    return f"{shown_name(name)}: no room for it on the disk of the temporary folder: free some, or set TMPDIR"
