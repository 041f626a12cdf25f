"""Clips from a prepared dataset on disk, without ever reading a whole video."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, Int, UInt8, UInt16

from jvlgs_jax.data.clips import ClipSample, no_truth
from jvlgs_jax.data.gain import EIGHT_BITS
from jvlgs_jax.data.planes import InputPlanes, PlaneMemory
from jvlgs_jax.data.records.index import SceneRecords, find_dataset, read_index
from jvlgs_jax.data.records.recorder import decode_means
from jvlgs_jax.data.scene import Scene, SceneInfo
from jvlgs_jax.errors import UserError

RECORDS_KEPT = 4  # of the scene being read; a clip rarely spans more


class RecordReader:
    """Reads clips of a dataset that `jvlgs prepare` has built; a `ClipReader`.

    The planes are those of the whole scene, to the precision of the stored means (a 512th of a grey level). Worker
    processes may have it: a copy opens the files for itself.

    Attributes:
        scenes: the scenes; `read` takes their numbers.
        frames_per_record: as the dataset was built.
        skipped: one line for each damaged scene that was left out of the dataset.
    """

    def __init__(self, data_dir: Path, dataset: str, planes: InputPlanes) -> None:
        """Reads the index of the dataset that `jvlgs prepare` put into `data_dir`.

        `dataset` is its name, with its configuration where more than one is prepared ("simgas/over_127"). UserError
        where there is no such dataset, or its index is damaged.
        """
        self._folder = find_dataset(data_dir, dataset)
        index = read_index(self._folder)
        self._planes = planes
        self.frames_per_record = index.frames_per_record
        self._scenes = index.scenes
        self._sources: dict[str, Any] = {}
        self.scenes: Sequence[SceneInfo] = [scene.info for scene in index.scenes]
        self.skipped = index.skipped
        self.marks_ignored = index.marks_ignored

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_sources": {}}

    def subset(self, scenes: Sequence[int]) -> "RecordReader":
        """Returns a reader that offers only the given of these scenes, in the given order."""
        reader = copy.copy(self)
        reader._scenes = tuple(self._scenes[number] for number in scenes)
        reader.scenes = [scene.info for scene in reader._scenes]
        return reader

    def read(self, scene: int, frames: Int[np.ndarray, " t"], supervised: Int[np.ndarray, " s"]) -> ClipSample:
        """Returns the planes of the given frames and the masks of the supervised ones, as `ClipReader` says.

        UserError for supervised frames of a scene without truth, and for a damaged record.
        """
        records = _SceneReader(self, self._scenes[scene])
        planes = self._read_planes(records, frames)
        if supervised.size and self.scenes[scene].leak is None:
            raise no_truth(self.scenes[scene])
        truth = [records.mask(frame) for frame in supervised.tolist()]
        ignored = [records.ignored(frame) for frame in supervised.tolist()] if self.marks_ignored else []
        mask = np.array([*truth, *ignored], np.float32).reshape(-1, *planes.shape[1:3], 1)
        return ClipSample(planes, mask)

    def check(self, scene: int) -> None:
        """Decodes every frame and mask of a scene; UserError names the first damaged record."""
        info = self.scenes[scene]
        records = _SceneReader(self, self._scenes[scene])
        for number in range(info.length):
            shape = records.pixels(number).shape[:2]
            if shape != info.size or (info.leak is not None and records.mask(number).shape != info.size):
                raise UserError(
                    f"{self._folder}: frame {number} of scene {info.name} has {shape[1]}x{shape[0]} pixels, its index "
                    f"says {info.size[1]}x{info.size[0]}: prepare the dataset again"
                )

    def load(self, scene: int) -> Scene:
        """Returns a whole scene in memory; frames of 16 bits become grey levels by its gain."""
        info = self.scenes[scene]
        gain = self._scenes[scene].gain or EIGHT_BITS
        records = _SceneReader(self, self._scenes[scene])
        numbers = range(info.length)
        return Scene(
            name=info.name,
            group=info.group,
            frames=np.stack([gain.to_grey(records.pixels(number)) for number in numbers]),
            truth=None if info.leak is None else np.stack([records.mask(number) for number in numbers]),
            frames_per_second=info.frames_per_second,
            split=info.split,
        )

    def _read_planes(self, records: "_SceneReader", frames: Int[np.ndarray, " t"]) -> Float32[np.ndarray, "t h w c"]:
        gain = records.scene.gain or EIGHT_BITS
        remembers = self._planes.remembers
        if not remembers and records.scene.channels == 1:  # the three planes are the picture itself
            pictures = {frame: gain.to_grey(records.pixels(frame)) for frame in np.unique(frames).tolist()}
            return np.stack([pictures[frame] for frame in frames.tolist()]).astype(np.float32)
        stream = self._planes.stream()
        planes = np.empty((len(frames), *records.scene.info.size, 3), np.float32)
        if remembers and records.scene.seen_before:
            stream = self._planes.stream(records.memory(0))
        upcoming = 0  # the frame that the stream expects
        for frame in np.unique(frames).tolist():
            if not remembers:
                upcoming = frame
            elif upcoming < records.first_beside(frame):
                upcoming = records.first_beside(frame)
                stream = self._planes.stream(records.memory(upcoming))
            for number in range(upcoming, frame):
                stream.push(gain.to_grey(records.pixels(number)))
            planes[frames == frame] = stream.push(gain.to_grey(records.pixels(frame)))
            upcoming = frame + 1
        return planes

    def fetch(self, scene: SceneRecords, run: int) -> Any:
        """Returns the fields of a scene's record number `run`; UserError where it is damaged."""
        # Imported where it is needed: it takes half a second.
        from tensorflow_datasets.proto import tf_example_pb2

        try:
            example = tf_example_pb2.Example()  # pyrefly: ignore[missing-attribute]  # generated
            example.ParseFromString(self._source(scene.records)[scene.first + run])
        except Exception as error:  # the record library's own kinds, which it does not name
            raise self.damaged(scene, run) from error
        fields = example.features.feature
        if fields["scene"].bytes_list.value != [scene.info.name.encode()]:
            raise self.damaged(scene, run)
        return fields

    def damaged(self, scene: SceneRecords, run: int) -> UserError:
        """Returns the error to raise where a scene's record number `run` cannot be read."""
        return UserError(
            f"{self._folder}: record {scene.first + run} of {scene.records}, with frames of scene {scene.info.name}, "
            "is missing or damaged: prepare the dataset again"
        )

    def _source(self, records: str) -> Any:
        if records not in self._sources:
            from array_record.python.array_record_data_source import ArrayRecordDataSource

            shards = sorted(self._folder.glob(f"*-{records}.array_record-*"))
            if not shards:
                raise FileNotFoundError(f"no shard of {records}")
            self._sources[records] = ArrayRecordDataSource([str(path) for path in shards])
        return self._sources[records]


class _SceneReader:
    """Decodes what a read wants of one scene, fetching each record once."""

    def __init__(self, reader: RecordReader, scene: SceneRecords) -> None:
        self.scene = scene
        self._reader = reader
        self._frames_per_record = reader.frames_per_record
        self._records: dict[int, Any] = {}

    def first_beside(self, frame: int) -> int:
        """The first frame of the record that holds `frame`."""
        return frame - frame % self._frames_per_record

    def pixels(self, frame: int) -> UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w 1"]:
        kind = "frames" if self.scene.gain is None else "raw_frames"
        image = self._image(kind, frame, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
        if self.scene.channels == 1:
            return (cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image)[..., None]
        return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB)

    def mask(self, frame: int) -> UInt8[np.ndarray, "h w"]:
        leak = self.scene.info.leak
        if leak is not None and not leak[frame]:
            return np.zeros(self.scene.info.size, np.uint8)
        return (self._image("masks", frame, cv2.IMREAD_UNCHANGED) > 0).astype(np.uint8)

    def ignored(self, frame: int) -> UInt8[np.ndarray, "h w"]:
        return (self._image("ignored", frame, cv2.IMREAD_UNCHANGED) > 0).astype(np.uint8)

    def memory(self, first: int) -> PlaneMemory:
        try:
            seen = first + self.scene.seen_before
            return decode_means(list(self._record(first)["memory"].bytes_list.value), seen)
        except ValueError as error:
            raise self._reader.damaged(self.scene, first // self._frames_per_record) from error

    def _image(self, field: str, frame: int, flags: int) -> np.ndarray:
        encoded = self._record(frame)[field].bytes_list.value[frame % self._frames_per_record]
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags)
        if image is None:
            raise self._reader.damaged(self.scene, frame // self._frames_per_record)
        return image

    def _record(self, frame: int) -> Any:
        run = frame // self._frames_per_record
        if run not in self._records:
            if len(self._records) == RECORDS_KEPT:
                self._records.clear()
            self._records[run] = self._reader.fetch(self.scene, run)
        return self._records[run]
