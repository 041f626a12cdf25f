from fractions import Fraction

import av
import numpy as np
import pytest

from jvlgs_jax.inference.video_writer import video_writer

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
    [((48, 64), 5, 15.0, Fraction(15)), ((33, 47), 1, 30000 / 1001, Fraction(30000, 1001)), ((1, 1), 2, 7.3, 7.3)],
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
