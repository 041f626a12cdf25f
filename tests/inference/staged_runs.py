"""Made-up inputs for `predict`, a network that sees gas everywhere, ways to end a run, and a look at its results."""

import csv
from datetime import UTC, datetime

import av
import cv2
import numpy as np

from jvlgs_jax.data.live import LiveVideo, open_capture
from jvlgs_jax.inference.alarms import AlarmConfig
from jvlgs_jax.inference.postprocess import mask_rule
from jvlgs_jax.inference.segmenter import Segmenter
from jvlgs_jax.inference.video_writer import video_writer
from jvlgs_jax.inference.watching import WatchConfig


def watch_config(rule, **alarm):
    return WatchConfig(rule=mask_rule(rule), alarm=AlarmConfig(**alarm))


def write_video(path, number, size=(48, 64), *, colored=False):
    rng = np.random.default_rng(0)
    with video_writer(path, 15.0) as write:
        for index in range(number):
            grey = np.clip(rng.normal(100, 5, size), 0, 255).astype(np.uint8)
            grey[10:20, 10 + index : 20 + index] += 40
            write(np.stack([grey, grey // 2, 255 - grey] if colored else [grey] * 3, axis=-1))
    return path


def write_images(folder, number, size):
    folder.mkdir()
    for index in range(number):
        image = np.random.default_rng(index).integers(0, 256, size, np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), image)
    return folder


def read_results(output):
    with av.open(str(output / "overlay.mp4")) as container:
        stream = container.streams.video[0]
        overlay = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(stream)])
        rate = stream.average_rate
    with (output / "frames.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = sorted(path.name for path in (output / "masks").iterdir())
    masks = np.stack([cv2.imread(str(output / "masks" / name), cv2.IMREAD_UNCHANGED) for name in names])
    return names, masks, overlay, rate, rows


class Network(Segmenter):
    """Sees gas everywhere, and ends the process or the run at a frame."""

    def __init__(self, end=None, at=None):
        self._end, self._at = end, at

    def probabilities(self, frames, *, memory, **more):
        for index, frame in enumerate(frames):
            if index == self._at:
                self._end()
            memory.answered += 1
            yield np.full(frame.shape[:2], 0.9, np.float32)


def interrupt():
    raise KeyboardInterrupt


def files_in(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def end_at(frame, end):
    def see(seen, picture):
        if seen.row.frame == frame:
            end()

    return see


class _Camera(LiveVideo):
    """Gives some frames without any waiting."""

    def __iter__(self):
        for index in range(self.frame_count):
            yield np.full((48, 64, 3), index % 200, np.uint8)


def camera(number):
    return _Camera(
        address="rtsp://user:secret@host/yard",
        frames_per_second=15.0,
        size=(48, 64),
        notice=print,
        open_capture=open_capture,
        began=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        frame_count=number,
    )
