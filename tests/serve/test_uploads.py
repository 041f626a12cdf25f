import asyncio
import shutil

import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.serve import uploads
from jvlgs_jax.serve.uploads import LONGEST_NAME, NoRoomError, StalledError, TooLargeError, receive_video, shown_name


def _receive(folder, name, chunks, **options):
    async def send():
        for chunk in chunks:
            yield chunk

    return asyncio.run(receive_video(send(), name, folder, **{"limit": 100, **options}))


@pytest.mark.parametrize(
    "name",
    [
        "clip.mp4",
        "../../etc/passwd.mp4",
        "/root/x.MP4",
        r"C:\windows\x.mp4",
        "a\x00b.mp4",
        ".mp4.mp4",
        "é" * 999 + ".mp4",
    ],
)
def test_what_arrives_is_kept_under_a_name_of_our_own(tmp_path, name):
    path = _receive(tmp_path, name, [b"some ", b"bytes"])
    assert path == tmp_path / "video.mp4"
    assert path.read_bytes() == b"some bytes"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "chunks", "options", "kind", "words"),
    [
        ("notes.txt", [b"x"], {}, UserError, "notes.txt: not a video file"),
        ("mp4", [b"x"], {}, UserError, "mp4: not a video file"),
        ("", [b"x"], {}, UserError, "video: not a video file"),
        ("a.mp4", [], {}, UserError, "a.mp4: empty"),
        ("a.mp4", [60 * b"x", 60 * b"x"], {}, TooLargeError, "a.mp4: larger than"),
        ("a.mp4", [b"x"], {"announced": 101}, TooLargeError, "--max-upload-mib"),
        ("a.mp4", [b"x"], {"announced": 10**18, "limit": 10**19}, NoRoomError, "no room for it"),
        ("a.mp4", [b"\xef\xbb\xbf#EXT", b"M3U\n/etc/passwd"], {}, UserError, "a playlist, not a video"),
        ("a.ts", [b" \nffconcat version 1.0\nfile /etc/passwd"], {}, UserError, "a playlist, not a video"),
    ],
)
def test_what_is_refused_leaves_no_file(tmp_path, name, chunks, options, kind, words):
    with pytest.raises(kind, match=words.replace("(", r"\(")):
        _receive(tmp_path, name, chunks, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_sender_that_goes_away_leaves_no_file(tmp_path):
    async def send():
        yield b"half"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        asyncio.run(receive_video(send(), "a.mp4", tmp_path, limit=100))
    assert list(tmp_path.iterdir()) == []


def test_a_sender_that_stalls_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "PATIENCE_S", 0.05)

    async def send():
        yield b"half"
        await asyncio.sleep(20)

    with pytest.raises(StalledError, match=r"a\.mp4: less than a MiB of it came in 0.05 s: choose it again"):
        asyncio.run(receive_video(send(), "a.mp4", tmp_path, limit=100))
    assert list(tmp_path.iterdir()) == []


def test_a_sender_that_drips_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "PATIENCE_S", 0.1)
    sent = []

    async def drip():
        for _ in range(500):
            sent.append(b"x")
            yield sent[-1]
            await asyncio.sleep(0.01)

    with pytest.raises(StalledError):
        asyncio.run(receive_video(drip(), "a.mp4", tmp_path, limit=1000))
    assert len(sent) < 50
    assert list(tmp_path.iterdir()) == []


def test_a_slow_sender_of_much_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "PATIENCE_S", 1.0)

    async def send():
        for _ in range(6):
            await asyncio.sleep(0.25)
            yield bytes(uploads.MIB)

    path = asyncio.run(receive_video(send(), "a.mp4", tmp_path, limit=10 * uploads.MIB))
    assert path.stat().st_size == 6 * uploads.MIB


def test_a_disk_that_fills_up_is_told_as_such(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 8, 2))
    with pytest.raises(NoRoomError, match="set TMPDIR"):
        _receive(tmp_path, "a.mp4", [b"abc"], announced=3)


def test_names_are_shown_without_folders_or_control_characters():
    assert shown_name("../a/b\\c\n.mp4") == "c.mp4"
    assert shown_name("") == "video"
    assert len(shown_name("x" * 500 + ".mp4")) == LONGEST_NAME
