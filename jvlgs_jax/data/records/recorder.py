"""From a scene on disk to the records of a prepared dataset.

A record is a run of frames with all that is needed to go on from its first one: besides frames and masks, the means
that temporal planes keep of all frames before. A clip from the middle of a long recording is then read from one or two
records.
"""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, UInt8, UInt16

from jvlgs_jax.data.gain import GAIN_FRAMES, Gain, measure_gain
from jvlgs_jax.data.layouts.scene_files import SceneFiles, StoredFrame
from jvlgs_jax.data.planes import PlaneMemory, PlaneStream, TemporalPlanes
from jvlgs_jax.data.records.index import AreaStatistics, SceneRecords
from jvlgs_jax.data.scene import SceneInfo

FRAMES_PER_RECORD = 8  # see docs/data.md for what 1, 8, 16 and 32 cost
MEAN_STEPS = TemporalPlanes.steps_per_level  # a grey level's share in which means are stored

Example = dict[str, Any]  # field name to value, as TFDS encodes it


class SceneRecorder:
    """Reads a scene once, frame by frame: iterating yields its records, and then `summary` describes it."""

    def __init__(self, scene: SceneFiles, frames_per_record: int = FRAMES_PER_RECORD) -> None:
        """Reads nothing yet."""
        self._scene = scene
        self._frames_per_record = frames_per_record
        self._leak: list[bool] = []
        self._areas: list[float] = []
        self._shape: tuple[int, ...] = ()
        self._gain: Gain | None = None
        self._rate = 0.0

    def __iter__(self) -> Iterator[Example]:
        """Yields the records in order; UserError at the first damaged frame."""
        self._scene.check()
        self._rate = self._scene.pictures.frames_per_second()
        frames = iter(self._scene)
        beginning = list(islice(frames, GAIN_FRAMES))
        gain = measure_gain([frame.pixels for frame in beginning])
        self._shape = beginning[0].pixels.shape
        self._gain = gain if beginning[0].pixels.dtype == np.uint16 else None
        frames = chain(beginning, frames)
        stream = TemporalPlanes().stream()
        while run := list(islice(frames, self._frames_per_record)):
            yield self._record(run, stream)
            for frame in run:
                stream.push(gain.to_grey(frame.pixels))

    def summary(self, records: str, first: int) -> SceneRecords:
        """Describes the scene, once all its records were read: they are those from `first` in the split `records`."""
        scene = self._scene
        info = SceneInfo(
            name=scene.name,
            group=scene.group,
            source=scene.source,
            split=scene.split,
            length=len(self._leak),
            size=(self._shape[0], self._shape[1]),
            frames_per_second=self._rate,
            leak=None if scene.truth is None else np.array(self._leak, bool),
        )
        areas = [area for area in self._areas if area]
        return SceneRecords(
            info=info,
            records=records,
            first=first,
            channels=self._shape[2],
            gain=self._gain,
            areas=AreaStatistics(min(areas), float(np.median(areas)), max(areas)) if areas else None,
        )

    def _record(self, run: list[StoredFrame], stream: PlaneStream) -> Example:
        first = len(self._leak)
        areas = [0.0 if frame.mask is None else float(frame.mask.mean()) for frame in run]
        self._areas += areas
        self._leak += [area > 0 for area in areas]
        encoded = [frame.encoded or encode_frame(frame.pixels) for frame in run]
        raw = self._gain is not None
        return {
            "scene": self._scene.name,
            "group": self._scene.group,
            "source": self._scene.source,
            "split": self._scene.split or "",
            "first_frame": first,
            "times": [(first + i) / self._rate for i in range(len(run))],
            "has_truth": self._scene.truth is not None,
            "leak": [area > 0 for area in areas],
            "frames": [] if raw else encoded,
            "raw_frames": encoded if raw else [],
            "gain": list(self._gain or ()),
            "masks": [encode_mask(frame.mask) for frame in run if frame.mask is not None],
            "memory": encode_means(stream.memory),
        }


def encode_frame(pixels: UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w 1"]) -> bytes:
    """Returns a grey or RGB frame as PNG."""
    return encode_png(pixels[..., 0] if pixels.shape[-1] == 1 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))


def encode_mask(gas: UInt8[np.ndarray, "h w"]) -> bytes:
    """Returns a mask of 0 and 1 as PNG of 0 and 255, which image viewers show."""
    return encode_png(255 * gas)


def encode_means(memory: PlaneMemory) -> list[bytes]:
    """Returns the means, one PNG of 16-bit fixed point each; none before the first frame."""
    if memory.seen == 0:
        return []
    return [encode_png(np.rint(mean * MEAN_STEPS).astype(np.uint16)) for mean in np.moveaxis(memory.means, -1, 0)]


def decode_means(encoded: list[bytes], seen: int) -> PlaneMemory:
    """Returns the memory that `encode_means` stored before frame `seen`, to a 512th of a grey level."""
    if seen == 0:
        return TemporalPlanes().stream().memory
    return PlaneMemory(seen, np.stack([_decode_mean(mean) for mean in encoded], axis=-1))


def _decode_mean(encoded: bytes) -> Float32[np.ndarray, "h w"]:
    stored = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None:
        raise ValueError("a stored mean is not an image")
    return stored / np.float32(MEAN_STEPS)


def encode_png(image: np.ndarray) -> bytes:
    """Returns a picture of 8 or 16 bits as PNG."""
    return cv2.imencode(".png", image)[1].tobytes()
