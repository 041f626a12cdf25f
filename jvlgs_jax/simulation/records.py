"""Simulated clips as records: the base of the TFDS builder in `datasets/plume_sim`.

Each finished shard is kept beside the dataset until all are there, so that an interrupted build goes on with the next,
and a prepared dataset grows by the shards it lacks: shards need not hold equally many clips.
"""

import json
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordWriter
from tensorflow_datasets.core.example_serializer import ExampleSerializer
from tqdm import tqdm

from jvlgs_jax.data.records.builder import UNSPLIT, WRITER_OPTIONS, GasBuilder, GasConfig
from jvlgs_jax.data.records.index import (
    RecordIndex,
    read_index,
    scene_from_metadata,
    scene_to_metadata,
)
from jvlgs_jax.errors import UserError
from jvlgs_jax.simulation.clip import SimulatedClip, simulate_batch
from jvlgs_jax.simulation.clip_records import clip_examples, describe_clip, simulated_features
from jvlgs_jax.simulation.config import SimulationConfig
from jvlgs_jax.simulation.kept_shards import Shard, find_shard, keep_shard
from jvlgs_jax.simulation.presets import preset
from jvlgs_jax.simulation.worker_processes import call_in_processes

CLIPS_PER_SHARD = 64


@dataclass
class PlumeSimConfig(GasConfig):
    """A family of clips, by the name of its preset."""

    preset: str = "simgas_like"


class SimulatedBuilder(GasBuilder):
    """Makes clips 0 to `clips` - 1 of a preset."""

    simulated: ClassVar[bool] = True
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Nothing to download: clips are made here."

    def __init__(self, *, clips: int = 0, abreast: int = 1, workers: int = 1, **kwargs: Any) -> None:
        """Takes what `GasBuilder` takes, and how clips are made. UserError for none at a time, and for no process.

        Args:
            clips: how many.
            abreast: how many at a time, see `simulate_batch`.
            workers: processes that make shards, each with its own program: an accelerator waits for what one writes.
            kwargs: for `GasBuilder`.
        """
        if abreast < 1:
            raise UserError(f"--abreast is {abreast}, the least is 1: use 32 on an accelerator, 1 on a CPU")
        if workers < 1:
            raise UserError(f"--workers is {workers}, the least is 1: use a few beside an accelerator")
        self._clips, self._abreast, self._workers = clips, abreast, workers
        super().__init__(**kwargs)
        self._family = preset(self.builder_config.preset)

    def _more_features(self) -> dict[str, Any]:
        return simulated_features()

    def grow(self) -> None:
        """Makes the clips that a prepared dataset lacks, then takes it apart to be put together again with them.

        The dataset can be read until all clips are made. UserError if it is of another family.
        """
        folder = Path(self.data_dir)
        index = read_index(folder)
        if self.info.metadata.get("family") != self._settings():
            raise UserError(
                f"{folder}: its {len(index.scenes)} clips are of another form of preset {self.builder_config.preset}, "
                f"so it cannot grow to {self._clips}: choose another --data-dir"
            )
        kept = self._claim()
        paths = [Path(path) for path in self.info.splits[UNSPLIT].filepaths]
        first = start = 0
        for path, length in zip(paths, self.info.splits[UNSPLIT].shard_lengths, strict=True):
            last = first + length
            held = [
                scene_to_metadata(replace(scene, first=scene.first - first))
                for scene in index.scenes
                if first <= scene.first < last
            ]
            keep_shard(kept, path, start, {"records": length, "scenes": held})
            first, start = last, start + len(held)
        self._shards(kept)
        folder.replace(kept / f"before-{self._clips}")

    def _generate_splits(self, dl_manager: Any, download_config: Any) -> list[tfds.core.SplitInfo]:
        if self._clips < 1:
            raise UserError(f"--clips is {self._clips}, the least is 1: use 1000")
        shards = self._shards(self._claim())
        template = self._get_filename_template(split_name=UNSPLIT)
        scenes, lengths, sizes = [], [], []
        for number, (path, described) in enumerate(shards):
            target = template.sharded_filepath(shard_index=number, num_shards=len(shards))
            os.link(path, Path(self.data_dir) / target.name)
            scenes += [
                replace(scene, first=scene.first + sum(lengths))
                for scene in map(scene_from_metadata, described["scenes"])
            ]
            lengths.append(described["records"])
            sizes.append(path.stat().st_size)
        index = RecordIndex(
            frames_per_record=self._frames_per_record, scenes=tuple(scenes), skipped=(), marks_ignored=True
        )
        self.info.metadata.update(index.to_metadata() | {"family": self._settings()})
        return [
            tfds.core.SplitInfo(name=UNSPLIT, shard_lengths=lengths, num_bytes=sum(sizes), filename_template=template)
        ]

    def download_and_prepare(self, **kwargs: Any) -> None:
        """Makes the dataset, then forgets the shards that were kept for an interruption."""
        super().download_and_prepare(**kwargs)
        shutil.rmtree(self._kept, True)

    @property
    def _kept(self) -> Path:
        return Path(self.data_dir_root) / self.name / f".unfinished-{self.builder_config.name}"

    def _settings(self) -> dict[str, Any]:
        """What makes clips of one number the same, as JSON's types."""
        return json.loads(json.dumps(asdict(self._family) | {"frames_per_record": self._frames_per_record}))

    def _claim(self) -> Path:
        """Returns the folder of finished shards; those of another family are no use."""
        record = self._kept / "settings.json"
        if record.exists() and json.loads(record.read_text()) != self._settings():
            shutil.rmtree(self._kept)
        self._kept.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps(self._settings()))
        return self._kept

    def _shards(self, kept: Path) -> list[Shard]:
        """Returns all shards in order, and makes those that are not kept."""
        shards: list[Shard | None] = []
        missing: dict[int, range] = {}  # by the place of the shard
        start = 0
        while start < self._clips:
            shards.append(find_shard(kept, start, self._clips))
            end = min(start + CLIPS_PER_SHARD, self._clips)
            if shards[-1] is None:
                missing[len(shards) - 1] = range(start, end)
            start = end if shards[-1] is None else start + len(shards[-1][1]["scenes"])
        clips = sum(map(len, missing.values()))
        with (
            tqdm(total=clips, desc=self.name, unit="clip", leave=False) as progress,
            closing(self._make(kept, missing)) as made,
        ):
            for place, shard in made:
                shards[place] = shard
                progress.update(len(missing[place]))
        return shards  # pyrefly: ignore[bad-return]  # none is missing any more

    def _make(self, kept: Path, missing: dict[int, range]) -> Generator[tuple[int, Shard]]:
        """Makes shards and yields each with its place as soon as it is kept."""
        if self._workers == 1 or len(missing) < 2:
            for place, clips in missing.items():
                yield place, self.make_shard(kept, clips)
            return
        again = partial(
            type(self),
            data_dir=self.data_dir_root,
            config=self.builder_config.name,
            frames_per_record=self._frames_per_record,
            abreast=self._abreast,
        )
        calls = [partial(_make_shard, again, self._family, kept, clips) for clips in missing.values()]
        places = list(missing)
        try:
            with closing(call_in_processes(calls, self._workers)) as made:
                for number, shard in made:
                    yield places[number], shard
        except BrokenProcessPool as error:
            raise UserError(
                f"{kept}: a process that made clips was killed, as when memory runs out: use less than "
                f"--workers={self._workers}; what is finished is kept, and the same command goes on"
            ) from error

    def make_shard(self, kept: Path, clips: range) -> Shard:
        """Makes the shard of some clips, and keeps it."""
        unfinished = kept / f"partial-{clips.start}.array_record"
        serializer = ExampleSerializer(self.info.features.get_serialized_info())
        writer = ArrayRecordWriter(str(unfinished), WRITER_OPTIONS)
        scenes, count = [], 0
        for index, clip in self._made(clips):
            name = f"{self.builder_config.preset}_{index:08d}"
            scenes.append(describe_clip(clip, name=name, source=self.name, first=count))
            examples = clip_examples(
                clip, name=name, index=index, source=self.name, frames_per_record=self._frames_per_record
            )
            for example in examples:
                writer.write(serializer.serialize_example(self.info.features.encode_example(example)))
                count += 1
        writer.close()
        described = {"records": count, "scenes": [scene_to_metadata(scene) for scene in scenes]}
        shard = keep_shard(kept, unfinished, clips.start, described)
        unfinished.unlink()  # or the next shard would be written into this one
        return shard

    def _made(self, clips: range) -> Iterator[tuple[int, SimulatedClip]]:
        """Makes clips; while some are written, those that follow are made."""
        groups = [clips[first : first + self._abreast] for first in range(0, len(clips), self._abreast)]
        following = self._simulate(groups[0])
        for number, group in enumerate(groups):
            made = jax.block_until_ready(following)  # two programs at a time would take twice the memory
            if number + 1 < len(groups):
                following = self._simulate(groups[number + 1])
            made = jax.device_get(made)
            for place, index in enumerate(group):
                yield index, jax.tree.map(lambda leaf, place=place: leaf[place], made)

    def _simulate(self, indices: range) -> SimulatedClip:
        return simulate_batch(self._family, jnp.asarray(indices), abreast=self._abreast)


def _make_shard(builder: Callable[[], SimulatedBuilder], family: SimulationConfig, kept: Path, clips: range) -> Shard:
    """Makes a shard in a process of its own."""
    maker = builder()
    maker._family = family
    return maker.make_shard(kept, clips)
