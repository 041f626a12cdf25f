"""Bad and odd inputs of `jvlgs predict`: each gives results, or one clear line, exit code 2 and no results.

docs/inference.md has them as a table.
"""

import errno
import itertools
import json
import os
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.stand_in import gas, predict, replace_network
from jvlgs_jax.data.video import open_video
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.result_files import ResultFiles
from jvlgs_jax.inference.video_writer import video_writer

NOISE = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def network(monkeypatch):
    replace_network(monkeypatch)


def _clip(path, count, size=(48, 64), rate=15.0):
    with video_writer(path, rate) as write:
        for _ in range(count):
            write(NOISE.integers(0, 256, (*size, 3), np.uint8))
    return path


def _pictures(folder, *arrays, suffix="png"):
    folder.mkdir()
    for index, array in enumerate(arrays):
        assert cv2.imwrite(str(folder / f"{index}.{suffix}"), array)
    return folder


def _grey(dtype, size=(48, 64), top=60000):
    return NOISE.uniform(0, min(top, np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else top), size).astype(
        dtype
    )


def _cut(path, kept):
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    return path


def _encoded(path, codec, pixels, frames, *, times=None, **options):
    """A video of grey frames, shown at `times`, in milliseconds, or else 100 apart."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options)
        stream.pix_fmt, stream.height, stream.width = pixels, *frames[0].shape
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for frame, time in zip(frames, itertools.count(0, 100) if times is None else times, strict=False):
            picture = av.VideoFrame.from_ndarray(frame, format="gray16le" if frame.dtype == np.uint16 else "gray")
            picture = picture.reformat(format=pixels)
            picture.pts, picture.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def _text(path, content=b"no video"):
    path.write_bytes(content)
    return path


def _faststart(path):
    """A video whose index comes first, so that its beginning can be read without its end."""
    whole = _clip(path.with_name("whole.mp4"), 30)
    with av.open(str(whole)) as source, av.open(str(path), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return path


def _sound(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    return path


def _two_sizes(path):
    small, large = (
        _encoded(path.with_name(f"{n}.ts"), "libx264", "yuv420p", [_grey(np.uint8, (n, n))] * 6) for n in (48, 64)
    )
    path.write_bytes(small.read_bytes() + large.read_bytes())
    return path


def _nothing(path):
    path.mkdir()
    return path


def _both(folder):
    _pictures(folder, _grey(np.uint8))
    _clip(folder / "clip.mp4", 2)
    return folder


def _with_nan(image):
    image[3:6, 4:9] = np.nan
    return image


REFUSED = {
    "no such file": (lambda t: t / "nowhere.mp4", "no such file or folder: check the path"),
    "a name that is too long": (lambda t: t / ("n" * 300), "n: File name too long"),
    "a number that no camera has": (lambda t: "20240131120000", "no such file or folder: check the path"),
    "an empty file": (lambda t: _text(t / "a.mp4", b""), "not a readable video"),
    "a text file named .mp4": (lambda t: _text(t / "a.mp4"), "not a readable video"),
    "random bytes": (lambda t: _text(t / "a.avi", NOISE.bytes(5000)), "not a readable video"),
    "an image named .mp4 and cut": (lambda t: _text(t / "a.mp4", b"\x89PNG\r\n\x1a\n"), "a.mp4: "),
    "a video cut short, index at its end": (lambda t: _cut(_clip(t / "a.mp4", 30), 0.6), "not a readable video"),
    "a video cut short, index first": (
        lambda t: _cut(_faststart(t / "a.mp4"), 0.4),
        "frames can be read: copy the file again",
    ),
    "sound alone": (lambda t: _sound(t / "a.mkv"), "no video in this file"),
    "no frame": (lambda t: _encoded(t / "a.mkv", "ffv1", "gray", [_grey(np.uint8)], times=[]), "a.mkv: "),
    "another size in mid-stream": (lambda t: _two_sizes(t / "a.ts"), "a frame of 64x64 follows frames of 48x48"),
    "an empty folder": (lambda t: _nothing(t / "a"), "no video in this folder"),
    "images beside videos": (lambda t: _both(t / "a"), "holds images and videos"),
    "images of two sizes": (
        lambda t: _pictures(t / "a", _grey(np.uint8), _grey(np.uint8, (50, 64))),
        "a frame of 64x50 follows frames of 64x48",
    ),
    "images of 8 and of 16 bits": (
        lambda t: _pictures(t / "a", _grey(np.uint16), _grey(np.uint8)),
        "a frame of 8 bits follows frames of 16 bits",
    ),
    "colours of 16 bits": (lambda t: _pictures(t / "a", _grey(np.uint16, (48, 64, 3))), "16-bit colours"),
    "a TIFF of floats that are no temperatures": (
        lambda t: _pictures(t / "a", _grey(np.float32, top=40_000), suffix="tiff"),
        "temperatures lie from -300 to 720: convert it to 16-bit PNG",
    ),
    "nothing but NaN": (
        lambda t: _pictures(t / "a", np.full((48, 64), np.nan, np.float32), suffix="tiff"),
        "0.tiff: no pixel has a finite value",
    ),
    "an empty image": (
        lambda t: _text(_pictures(t / "a", _grey(np.uint8)) / "1.png", b"").parent,
        "1.png: not a readable image",
    ),
    "a link to nothing among images": (
        lambda t: (_pictures(t / "a", _grey(np.uint8)), (t / "a" / "1.png").symlink_to(t / "gone.png"))[0],
        "1.png: a link to a file that is not there",
    ),
    "a cut image": (
        lambda t: _cut(_pictures(t / "a", _grey(np.uint8)) / "0.png", 0.05).parent,
        "0.png: not a readable image",
    ),
    "a camera that is not there": (lambda t: "97", "camera 97: no frame from this camera"),
    "a stream that cannot be reached": (
        lambda t: "rtsp://name:word@127.0.0.1:9/x",
        "rtsp://127.0.0.1:9/x: no frame from this stream",
    ),
}


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_segmented_is_told_in_one_line(tmp_path, capsys, make, words):
    path, output = make(tmp_path), tmp_path / "out"
    assert predict(path, output) == 2
    error = capsys.readouterr().err.splitlines()[-1]  # above it, the progress bar
    assert error.startswith("jvlgs: error: ")
    assert words in error
    assert not output.exists() or list(output.iterdir()) == []


ANSWERED = {
    "one frame": (lambda t: _clip(t / "a.mp4", 1), 1),
    "two frames": (lambda t: _clip(t / "a.mp4", 2), 2),
    "odd sides": (lambda t: _pictures(t / "a", *[_grey(np.uint8, (33, 47))] * 3), 3),
    "one pixel": (lambda t: _pictures(t / "a", *[_grey(np.uint8, (1, 1))] * 3), 3),
    "a very wide picture": (lambda t: _pictures(t / "a", *[_grey(np.uint8, (5, 900))] * 3), 3),
    "an odd frame rate": (lambda t: _clip(t / "a.mp4", 4, rate=7.3), 4),
    "a frame an hour": (lambda t: _clip(t / "a.mp4", 3, rate=1 / 3600), 3),
    "a variable frame rate": (
        lambda t: _encoded(t / "a.mkv", "ffv1", "gray", [_grey(np.uint8)] * 4, times=[0, 10, 300, 900]),
        4,
    ),
    "16-bit PNG": (lambda t: _pictures(t / "a", *[_grey(np.uint16)] * 3), 3),
    "16-bit PNG without contrast": (lambda t: _pictures(t / "a", *[np.full((48, 64), 9000, np.uint16)] * 3), 3),
    "16-bit TIFF": (lambda t: _pictures(t / "a", *[_grey(np.uint16)] * 3, suffix="tiff"), 3),
    "a radiometric TIFF of floats": (
        lambda t: _pictures(t / "a", *[_grey(np.float32, top=400)] * 3, suffix="tiff"),
        3,
    ),
    "NaN pixels": (lambda t: _pictures(t / "a", *[_with_nan(_grey(np.float32, top=400))] * 3, suffix="tiff"), 3),
    "16 bits, big end first": (lambda t: _encoded(t / "a.mkv", "ffv1", "gray16le", [_grey(np.uint16)] * 3), 3),
    "10 bits": (lambda t: _encoded(t / "a.mkv", "ffv1", "gray10le", [_grey(np.uint16)] * 3), 3),
    "colours": (lambda t: _pictures(t / "a", *[_grey(np.uint8, (48, 64, 3))] * 3), 3),
    "a name with spaces and signs": (lambda t: _clip(t / "süd 100% #2 'a'.mp4", 2), 2),
    "a suffix in capitals": (lambda t: _clip(t / "a.mp4", 2).rename(t / "A.MP4"), 2),
    "a link": (lambda t: (t / "b.mp4", (t / "b.mp4").symlink_to(_clip(t / "a.mp4", 2)))[0], 2),
    "black": (lambda t: _pictures(t / "a", *[np.zeros((48, 64), np.uint8)] * 3), 3),
}


@pytest.mark.parametrize(("make", "frames"), ANSWERED.values(), ids=ANSWERED)
def test_what_is_only_odd_is_segmented(tmp_path, make, frames):
    output = tmp_path / "out"
    assert predict(make(tmp_path), output) == 0
    assert len(gas(output)) == len(list((output / "masks").iterdir())) == frames
    assert {path.name for path in output.iterdir()} == {
        *("masks", "overlay.mp4", "frames.csv", "events.json", "report.html")
    }


def test_a_name_that_is_not_utf_8_is_shown_as_far_as_it_can_be(tmp_path, capsys):
    site, output = tmp_path / "site", tmp_path / "out"
    site.mkdir()
    for name in (b"a\xe9.mp4", b"b.mp4"):
        _clip(site / os.fsdecode(name), 2)
    assert predict(site, output, "--jsonl") == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["video"] for line in told] == ["a\ufffd", "b"]
    assert predict(site, output) == 0
    assert f"{output}/a\ufffd: 2 frames" in capsys.readouterr().out
    results = output / os.fsdecode(b"a\xe9")
    assert json.loads((results / "events.json").read_text())["video"]["path"] == f"{site}/a\ufffd.mp4"
    assert "a\ufffd.mp4" in (results / "report.html").read_text()


def _out_of_space(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_told_and_the_next_run_goes_on(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("jvlgs_jax.inference.predict.SAVED_EVERY", 4)
    clip, output = _clip(tmp_path / "a.mp4", 12), tmp_path / "out"
    assert predict(clip, output) == 0
    earlier = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    write, count = ResultFiles.write_mask, itertools.count()
    monkeypatch.setattr(ResultFiles, "write_mask", lambda *a: _out_of_space() if next(count) == 9 else write(*a))
    assert predict(clip, output, "--alarm", "on=0.9") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"jvlgs: error: {output}: cannot write any more (No space left on device)")
    assert "goes on" in error
    assert {path: path.read_bytes() for path in earlier} == earlier
    assert predict(clip, output, "--alarm", "on=0.9") == 0
    assert "goes on after frame 8" in capsys.readouterr().err
    assert len(gas(output)) == 12


@pytest.mark.parametrize("kind", ["a file", "below a file", "read only"])
def test_an_output_that_cannot_be_written_is_told_before_anything_is_done(tmp_path, capsys, monkeypatch, kind):
    clip, output = _clip(tmp_path / "a.mp4", 2), tmp_path / "out"
    if kind == "read only":

        def refuse(*_, **__):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(Path, "touch", refuse)
    else:
        _text(output)
    assert predict(clip, output / "below" if kind == "below a file" else output) == 2
    assert "cannot write here" in capsys.readouterr().err


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return _faststart(tmp_path_factory.mktemp("whole") / "a.mp4")


def test_a_tag_that_is_no_text_does_not_keep_a_video_from_being_read(whole, tmp_path):
    damaged = whole.read_bytes().replace(b"Lavf", b"L\x80vf")  # the name of the program that wrote it
    assert damaged != whole.read_bytes()
    path = tmp_path / "a.mp4"
    path.write_bytes(damaged)
    assert len(list(open_video(path))) == len(list(open_video(whole)))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.floats(0, 0.2), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4))
def test_no_damage_to_a_file_crashes_the_reader(whole, tmp_path, changes):
    """Its first fifth holds the headers and the index."""
    damaged = bytearray(whole.read_bytes())
    for place, content in changes:
        start = int(place * len(damaged))
        damaged[start : start + len(content)] = content
    path = _text(tmp_path / "a.mp4", bytes(damaged))
    frames, told = [], None
    try:
        frames = list(open_video(path))
    except UserError as error:
        told = str(error)
    assert frames if told is None else told.startswith(str(tmp_path)) and "\n" not in told
