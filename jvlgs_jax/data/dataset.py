"""A dataset, raw or prepared, divided into what is trained on and what is held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from jvlgs_jax.data.batches import ClipSource, DataConfig, MixedDataset
from jvlgs_jax.data.clips import ClipReader, LeakFreeReader, MemoryReader
from jvlgs_jax.data.layouts import load_scenes
from jvlgs_jax.data.planes import InputPlanes, input_planes
from jvlgs_jax.data.records.index import is_prepared
from jvlgs_jax.data.records.reader import RecordReader
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.data.splits import divide
from jvlgs_jax.errors import UserError


@dataclass(frozen=True, kw_only=True)
class DividedDataset:
    """What a training needs of a dataset.

    Attributes:
        training: the scenes to draw clips from, the dataset's own first.
        held_out: the scenes to evaluate on.
    """

    training: Sequence[ClipSource]
    held_out: Sequence[Scene]


class RecordedScenes(Sequence[Scene]):
    """Whole scenes of a prepared dataset, each read when it is asked for."""

    def __init__(self, reader: RecordReader) -> None:
        """Offers the scenes of `reader`, in its order."""
        self._reader = reader

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


def open_dataset(root: Path, config: DataConfig) -> DividedDataset:
    """Opens the dataset in `root` and divides it as `config` says; `config.root` is not used here.

    Raw files are read into memory. A prepared dataset stays on disk, and scenes without truth are left out of what is
    held out.

    UserError as `load_scenes`, `RecordReader` and `divide` raise, and for a prepared dataset that is not named.
    """
    planes = input_planes(config.planes)
    mixed = [_mixed_source(dataset, planes) for dataset in config.mixed_with]
    if config.dataset is None:
        scenes = _load_raw(root, config)
        division = divide([scene.info(config.layout) for scene in scenes], config.split)
        reader = MemoryReader([scenes[i] for i in division.train], planes)
        return DividedDataset(training=[ClipSource(reader=reader), *mixed], held_out=[scenes[i] for i in division.test])
    records = RecordReader(root, config.dataset, planes)
    division = divide(records.scenes, config.split)
    labelled = [number for number in division.test if records.scenes[number].leak is not None]
    return DividedDataset(
        training=[ClipSource(reader=records, scenes=division.train), *mixed],
        held_out=RecordedScenes(records.subset(labelled)),
    )


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
