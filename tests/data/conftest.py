import struct
import zlib
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from jvlgs_jax.data.scene import Scene


@pytest.fixture
def write_video():
    """Returns a function that writes grey ("n h w") or RGB frames; ffv1 in .mkv is lossless for grey."""

    def write(path: Path, frames: np.ndarray, *, codec: str = "libx264", rate: int = 15, options=None) -> Path:
        pixels = "gray" if frames.ndim == 3 else "rgb24"
        with av.open(str(path), "w", options=options or {}) as container:
            stream = container.add_stream(codec, rate=rate)
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt = "gray" if codec == "ffv1" and frames.ndim == 3 else "yuv420p"
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format=pixels)))
            container.mux(stream.encode())
        return path

    return write


@pytest.fixture
def write_image():
    """Returns a function that writes an image of one level, or of the given pixels, and the folders above it."""

    def write(path: Path, pixels: int | np.ndarray, size: tuple[int, int] = (8, 12)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        array = np.full(size, pixels, np.uint8) if isinstance(pixels, int) else pixels
        assert cv2.imwrite(str(path), array)
        return path

    return write


@pytest.fixture
def write_palette_png():
    """Returns a function that writes class indices as a PNG with a palette in which class 0 is not black."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def write(path: Path, indices: np.ndarray) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        (height, width), palette = indices.shape, bytes(range(120, 120 + 3)) * 256
        rows = b"".join(b"\0" + row.tobytes() for row in indices)
        header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
        chunks = [(b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks))
        return path

    return write


@pytest.fixture
def make_scene():
    """Returns a function that makes a scene of noise whose frames from `leak_start` on show gas."""

    def make(name: str, n: int = 10, *, group: str | None = None, leak_start: int = 5, seed: int = 0) -> Scene:
        rng = np.random.default_rng(seed)
        truth = (rng.random((n, 24, 32)) < 0.3) & (np.arange(n) >= leak_start)[:, None, None]
        return Scene(
            name=name,
            group=group or name,
            frames=rng.integers(0, 256, (n, 24, 32, 1), dtype=np.uint8),
            truth=truth.astype(np.uint8),
            frames_per_second=15.0,
        )

    return make
