"""A dataset, raw or prepared, divided into what is trained on and what is held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from jvlgs_jax.data.batches import DataConfig, MixedDataset
from jvlgs_jax.data.clip_source import ClipSource, TrainingSource
from jvlgs_jax.data.clips import ClipReader, LeakFreeReader, MemoryReader
from jvlgs_jax.data.layouts import load_scenes
from jvlgs_jax.data.planes import InputPlanes, input_planes
from jvlgs_jax.data.records.index import is_prepared
from jvlgs_jax.data.records.reader import RecordReader
from jvlgs_jax.data.scene import Scene, SceneInfo
from jvlgs_jax.data.splits import Division, divide
from jvlgs_jax.errors import UserError


@dataclass(frozen=True, kw_only=True)
class DividedDataset:
    """What a training needs of a dataset.

    Attributes:
        training: the scenes to draw clips from, the dataset's own first.
        held_out: the scenes to evaluate on.
        validation: the scenes to choose a checkpoint by.
    """

    training: Sequence[TrainingSource]
    held_out: Sequence[Scene]
    validation: Sequence[Scene] = ()


class RecordedScenes(Sequence[Scene]):
    """Whole scenes of a prepared dataset, each read when it is asked for."""

    def __init__(self, reader: RecordReader) -> None:
        """Offers the scenes of `reader`, in its order."""
        self._reader = reader

    @property
    def reader(self) -> RecordReader:
        """Reads clips of the same scenes."""
        return self._reader

    @property
    def infos(self) -> Sequence[SceneInfo]:
        """What is known of the scenes without reading them."""
        return self._reader.scenes

    def __len__(self) -> int:
        return len(self._reader.scenes)

    @overload
    def __getitem__(self, number: int) -> Scene: ...
    @overload
    def __getitem__(self, number: slice) -> "RecordedScenes": ...
    def __getitem__(self, number: int | slice) -> "Scene | RecordedScenes":
        chosen = range(len(self))[number]
        if isinstance(chosen, range):
            return RecordedScenes(self._reader.subset(chosen))
        return self._reader.load(chosen)


def open_dataset(root: Path | None, config: DataConfig) -> DividedDataset:
    """Opens the dataset in `root` and divides it as `config` says; `config.root` is not used here.

    Without a root there is only what the config mixes in, and nothing is held out. Raw files are read into memory. A
    prepared dataset stays on disk, and scenes without truth are left out of what is held out.

    UserError as `load_scenes`, `RecordReader` and `divide` raise, and for a prepared dataset that is not named.
    """
    planes = input_planes(config.planes)
    mixed = [_mixed_source(dataset, planes) for dataset in config.mixed_with]
    if root is None:
        return DividedDataset(training=mixed, held_out=[])
    if config.dataset is None:
        scenes = _load_raw(root, config)
        division, validation = _divided([scene.info(config.layout) for scene in scenes], config)
        reader = MemoryReader([scenes[i] for i in division.train], planes)
        return DividedDataset(
            training=[ClipSource(reader=reader), *mixed],
            held_out=[scenes[i] for i in division.test],
            validation=[scenes[i] for i in validation],
        )
    records = RecordReader(root, config.dataset, planes)
    division, validation = _divided(records.scenes, config)

    def labelled(numbers: Sequence[int]) -> RecordedScenes:
        return RecordedScenes(records.subset([i for i in numbers if records.scenes[i].leak is not None]))

    return DividedDataset(
        training=[ClipSource(reader=records, scenes=division.train), *mixed],
        held_out=labelled(division.test),
        validation=labelled(validation),
    )


def _divided(scenes: Sequence[SceneInfo], config: DataConfig) -> tuple[Division, list[int]]:
    """Returns the numbers of the scenes to train on and of those held out, and of those to validate on."""
    division = divide(scenes, config.split)
    if config.validation is None:
        return division, []
    tested = set(division.test)
    validation = [number for number in divide(scenes, config.validation).test if number not in tested]
    if not validation:
        raise UserError(
            f"data.validation is {config.validation!r}, but data.split {config.split!r} holds all of it out"
        )
    rest = [number for number in division.train if number not in set(validation)]
    return Division(rest, division.test), validation


def _mixed_source(config: MixedDataset, planes: InputPlanes) -> ClipSource:
    root = Path(config.root)
    reader: ClipReader
    if config.dataset is None:
        reader = MemoryReader(_load_raw(root, config), planes)
    else:
        reader = RecordReader(root, config.dataset, planes)
    return ClipSource(reader=LeakFreeReader(reader) if config.leak_free else reader, weight=config.weight)


def _load_raw(root: Path, config: DataConfig | MixedDataset) -> list[Scene]:
    if is_prepared(root):
        raise UserError(f"{root}: holds prepared datasets: name one with --config.data.dataset=NAME")
    return load_scenes(root, config.layout, threshold=config.threshold)
