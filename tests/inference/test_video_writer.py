from fractions import Fraction

import av
import numpy as np
import pytest

from jvlgs_jax.inference.video_writer import VideoParts, video_writer

RED = (200, 30, 20)


def _write(path, size, count, rate):
    with video_writer(path, rate) as write:
        for _ in range(count):
            write(np.full((*size, 3), RED, np.uint8))


def _read(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        return np.stack(frames), stream.average_rate, stream.codec_context


@pytest.mark.parametrize(
    ("size", "count", "rate", "kept"),
    [
        ((48, 64), 5, 15.0, Fraction(15)),
        ((33, 47), 1, 30000 / 1001, Fraction(30000, 1001)),
        ((1, 1), 2, 7.3, 7.3),
        ((48, 64), 3, 0.4, Fraction(2, 5)),
        ((48, 64), 3, 1 / 3600, Fraction(1, 3600)),  # time lapse
        ((48, 64), 3, 1e-9, Fraction(1, 86400)),
    ],
)
def test_frames_colours_and_rate_come_back(tmp_path, size, count, rate, kept):
    path = tmp_path / "overlay.mp4"
    _write(path, size, count, rate)
    frames, read_rate, codec = _read(path)
    height, width = size
    assert frames.shape == (count, height + height % 2, width + width % 2, 3)
    assert np.abs(frames - np.array(RED, float)).max() < 8  # H.264 is lossy
    assert codec.name == "h264"
    assert codec.pix_fmt == "yuv420p"
    if count > 1:  # one frame has no rate
        assert read_rate == pytest.approx(kept)


def test_an_interrupted_run_leaves_the_earlier_video_whole(tmp_path):
    path = tmp_path / "overlay.mp4"
    _write(path, (32, 32), 4, 15.0)
    before = path.read_bytes()

    def interrupted_write():
        with video_writer(path, 15.0) as write:
            write(np.zeros((32, 32, 3), np.uint8))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_write()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def _grey(level):
    return np.full((32, 48, 3), level, np.uint8)


def test_parts_join_to_one_video_with_every_frame_in_its_place(tmp_path):
    parts = VideoParts(tmp_path / "parts", 15.0)
    levels = [20, 60, 100, 140, 180, 220]
    for number, level in enumerate(levels):
        parts.write(_grey(level))
        if number in (1, 2):
            parts.saved()
    parts.join(tmp_path / "overlay.mp4")
    frames, rate, _ = _read(tmp_path / "overlay.mp4")
    np.testing.assert_allclose(frames.mean(axis=(1, 2, 3)), levels, atol=4)
    assert rate == 15
    with av.open(str(tmp_path / "overlay.mp4")) as container:
        times = [float(frame.pts * frame.time_base) for frame in container.decode(container.streams.video[0])]
    np.testing.assert_allclose(times, np.arange(6) / 15, atol=1e-3)


def test_a_killed_part_is_written_again(tmp_path):
    parts = VideoParts(tmp_path / "parts", 15.0)
    parts.write(_grey(20))
    assert parts.saved() == 1
    parts.write(_grey(255))
    parts.saved()
    for _ in range(60):  # and the process dies, in the middle of a file whose name comes before all others
        parts.write(_grey(255))
    assert min(path.name for path in (tmp_path / "parts").iterdir()) == ".partial-000002.mp4"
    parts = VideoParts(tmp_path / "parts", 15.0, parts=1)
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["000000.mp4"]
    parts.write(_grey(100))
    parts.join(tmp_path / "overlay.mp4")
    np.testing.assert_allclose(_read(tmp_path / "overlay.mp4")[0].mean(axis=(1, 2, 3)), [20, 100], atol=4)
