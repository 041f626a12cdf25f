"""Recordings of more than 8 bits, wherever a user meets them: opened to predict, loaded whole, and as records."""

from typing import NamedTuple

import av
import cv2
import numpy as np
import pytest

from jvlgs_jax.data.clips import MemoryReader
from jvlgs_jax.data.gain import EIGHT_BITS, measure_gain
from jvlgs_jax.data.layouts import find_scenes, load_scenes
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.records.prepare import prepare
from jvlgs_jax.data.records.reader import RecordReader
from jvlgs_jax.data.video import open_video
from jvlgs_jax.errors import UserError

FRAMES, SIZE = 40, (48, 64)
LOW, HIGH = 0.1, 0.7  # the share of the sample range that the camera uses


class Format(NamedTuple):
    name: str
    codec: str
    pixels: str
    bits: int
    exact: bool = True  # the levels come back as they were

    def __str__(self):
        return f"{self.codec}-{self.pixels}"


FORMATS = (
    Format("a.mkv", "ffv1", "gray16le", 16),
    Format("a.mkv", "ffv1", "gray10le", 10),
    Format("a.mkv", "ffv1", "gray12le", 12),
    Format("a.mov", "png", "gray16be", 16),
    Format("a.mov", "png", "ya16be", 16),
    Format("a.mkv", "ffv1", "gbrp16le", 16),
    Format("a.mkv", "ffv1", "yuv420p10le", 10),
    Format("a.mp4", "libx265", "yuv420p10le", 10, exact=False),
    Format("a.mp4", "libx264", "yuv420p10le", 10, exact=False),
    Format("a.mov", "prores_ks", "yuv422p10le", 10, exact=False),
)


def levels(bits, count=FRAMES):
    """A smooth picture with a bright spot that moves, in raw levels."""
    rows, columns = np.meshgrid(*(np.linspace(0, 1, n) for n in SIZE), indexing="ij")
    frames = [
        LOW + (HIGH - LOW) * (0.4 * rows + 0.3 * columns + 0.3 * np.exp(-60 * ((rows - 0.5) ** 2 + (columns - t) ** 2)))
        for t in np.linspace(0, 1, count)
    ]
    return np.rint(np.stack(frames) * ((1 << bits) - 1)).astype(np.uint16)


def as_frame(raw, pixels):
    """A frame whose luma plane (or whose grey, in other forms) holds `raw`; chroma is neutral."""
    if pixels == "ya16be":
        return av.VideoFrame.from_ndarray(raw, format="gray16le").reformat(format=pixels)
    if pixels == "gbrp16le":
        return av.VideoFrame.from_ndarray(np.repeat(raw[..., None], 3, axis=-1), format=pixels)
    if pixels.startswith("gray"):
        return av.VideoFrame.from_ndarray(raw, format=pixels)
    frame = av.VideoFrame(raw.shape[1], raw.shape[0], pixels)
    for number, plane in enumerate(frame.planes):
        content = np.full((plane.height, plane.line_size // 2), 512, np.uint16)
        if number == 0:
            content[:, : raw.shape[1]] = raw
        plane.update(content.tobytes())
    return frame


def write_deep(path, frames, codec="ffv1", pixels="gray16le"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        options = {"libx265": {"x265-params": "log-level=none:qp=4"}, "libx264": {"qp": "4"}}.get(codec, {})
        stream = container.add_stream(codec, rate=15, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        for raw in frames:
            container.mux(stream.encode(as_frame(raw, pixels)))
        container.mux(stream.encode())
    return path


def write_tiff(path, raw, order):
    """A grey TIFF of 16 bits, without compression, its bytes in `order` ("<" or ">")."""
    height, width = raw.shape
    tags = [(256, 3, width), (257, 3, height), (258, 3, 16), (259, 3, 1), (262, 3, 1), (277, 3, 1), (278, 3, height)]
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    tags += [(273, 4, start), (279, 4, 2 * raw.size)]
    number = {3: f"{order}u2", 4: f"{order}u4"}
    entries = b"".join(
        np.array([tag, kind], number[3]).tobytes()
        + np.array([1], number[4]).tobytes()
        + np.array([value], number[kind]).tobytes().ljust(4, b"\0")
        for tag, kind, value in sorted(tags)
    )
    header = (
        (b"II" if order == "<" else b"MM") + np.array([42], number[3]).tobytes() + np.array([8], number[4]).tobytes()
    )
    count, end = np.array([len(tags)], number[3]).tobytes(), bytes(4)
    path.write_bytes(header + count + entries + end + raw.astype(f"{order}u2").tobytes())


def expected_grey(raw):
    """What the gain's definition says, for smooth frames without outliers."""
    low, high = np.percentile(raw[:32], (0.1, 99.9))
    margin = (high - low) / 4
    return np.clip(255 * (raw - (low - margin)) / (high - low + 2 * margin), 0, 255)


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_grey_video_keeps_its_levels_and_gets_one_gain(tmp_path, form):
    raw = levels(form.bits)
    video = open_video(write_deep(tmp_path / form.name, raw, form.codec, form.pixels))
    assert (video.channels, video.frame_count, video.frames_per_second) == (1, FRAMES, 15.0)
    stored = np.stack(list(video.raw()))[..., 0]
    assert stored.dtype == np.uint16
    if form.exact:
        np.testing.assert_array_equal(stored, raw)
    grey = video.read()[..., 0]
    assert grey.dtype == np.float32
    np.testing.assert_allclose(grey, expected_grey(raw), atol=0.2 if form.exact else 4)
    assert np.unique(grey).size > 256 or not form.exact  # fractions are kept


@pytest.mark.parametrize("kind", ["png", "tiff", "little-endian tiff", "big-endian tiff"])
def test_folders_of_16_bits(tmp_path, kind):
    raw = levels(16, 12)
    for number, frame in enumerate(raw):
        if kind in ("png", "tiff"):
            assert cv2.imwrite(str(tmp_path / f"{number}.{kind}"), frame)
        else:
            write_tiff(tmp_path / f"{number}.tif", frame, "<" if kind.startswith("little") else ">")
    video = open_video(tmp_path)
    np.testing.assert_array_equal(np.stack(list(video.raw()))[..., 0], raw)
    np.testing.assert_allclose(video.read()[..., 0], expected_grey(raw), atol=0.2)


def test_the_gain_is_that_of_the_first_frames(tmp_path):
    raw = levels(16)
    raw[35] = 60000  # far hotter than anything before
    video = open_video(write_deep(tmp_path / "a.mkv", raw))
    assert video.gain == measure_gain(raw[:32])
    frames = video.read()
    assert (frames[35] == 255).all()
    np.testing.assert_allclose(frames[36], expected_grey(raw)[36, ..., None], atol=0.2)


def test_every_way_in_gives_the_same_planes(tmp_path):
    """A video and the same frames as images; loaded whole, as records, and as the segmenter would see them."""
    raw = levels(16)
    write_deep(tmp_path / "raw" / "filmed.mkv", raw)
    (tmp_path / "raw" / "pictured").mkdir()
    for number, frame in enumerate(raw):
        cv2.imwrite(str(tmp_path / "raw" / "pictured" / f"{number}.png"), frame)
    stream = input_planes("temporal").stream()
    seen = np.stack([stream.push(frame) for frame in open_video(tmp_path / "raw" / "filmed.mkv")])[12:15]
    scenes = load_scenes(tmp_path / "raw", "gas_folder")
    assert [scene.frames.dtype for scene in scenes] == [np.float32] * 2
    prepare("gas_folder", manual_dir=tmp_path / "raw", data_dir=tmp_path)
    planes = input_planes("temporal")
    for reader in (MemoryReader(scenes, planes), RecordReader(tmp_path, "gas_folder", planes)):
        for scene in range(2):
            read = reader.read(scene, np.arange(12, 15), np.arange(0)).planes
            np.testing.assert_allclose(read, seen, atol=1 / 256)
    colors = MemoryReader(scenes, input_planes("rgb")).read(0, np.arange(12, 15), np.arange(0)).planes
    np.testing.assert_allclose(colors, seen[..., :1], atol=1 / 512 + 1e-5)
    loaded = RecordReader(tmp_path, "gas_folder", planes).load(0).frames
    np.testing.assert_array_equal(loaded, scenes[0].frames)


def test_deep_video_in_colours_is_read_as_8_bits(tmp_path):
    frames = np.zeros((4, *SIZE, 3), np.uint16)
    frames[..., 0], frames[..., 1] = 40000, 10000
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=15)
        stream.height, stream.width = SIZE
        stream.pix_fmt = "gbrp16le"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gbrp16le")))
        container.mux(stream.encode())
    video = open_video(tmp_path / "a.mkv")
    assert (video.channels, video.gain) == (3, EIGHT_BITS)
    np.testing.assert_allclose(video.read(), np.broadcast_to(frames >> 8, frames.shape), atol=1)


def test_a_truth_video_of_10_bits_is_read_by_its_grey_levels(tmp_path):
    gas = np.zeros((5, *SIZE), np.uint16)
    gas[2:, 8:24, 8:24] = 1023
    write_deep(tmp_path / "pump.mkv", levels(16, 5))
    write_deep(tmp_path / "masks" / "pump.mkv", gas, pixels="gray10le")
    (scene,) = find_scenes(tmp_path, "gas_folder")
    np.testing.assert_array_equal(scene.load().truth, gas > 0)


def test_16_bit_colours_and_changing_depth_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), levels(16, 1)[0])
    cv2.imwrite(str(tmp_path / "1.png"), np.full(SIZE, 9, np.uint8))
    with pytest.raises(UserError, match="a frame of 8 bits follows frames of 16 bits: export the whole scene at one"):
        open_video(tmp_path).read()
    cv2.imwrite(str(tmp_path / "0.png"), np.full((*SIZE, 3), (1000, 2000, 3000), np.uint16))
    with pytest.raises(UserError, match=r"0\.png: 16-bit colours, frames of 16 bits are grey: export one channel"):
        open_video(tmp_path)


def test_floating_point_pixels_are_refused(tmp_path):
    path = tmp_path / "a.pfm"
    path.write_bytes(b"Pf\n64 48\n-1.0\n" + np.zeros(SIZE, "<f4").tobytes())
    with pytest.raises(UserError, match=r"a\.pfm: grayf32le pixels, frames have 8 to 16 bits: convert it to gray16le"):
        open_video(path)
