"""What is known of a prepared dataset without reading its frames: its scenes, and where their records are.

The index is `metadata.json` in the dataset's folder, beside the records; `RecordIndex` and the functions here are all
that reads or writes it.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool

from jvlgs_jax.data.gain import Gain
from jvlgs_jax.data.scene import SceneInfo
from jvlgs_jax.errors import UserError

INDEX = "metadata.json"  # TFDS's name for what a builder knows beside the features
FORMAT = 1


class AreaStatistics(NamedTuple):
    """How much of the frame the gas covers, over the frames that show gas; 1 is the whole frame."""

    smallest: float
    median: float
    largest: float


@dataclass(frozen=True, kw_only=True)
class SceneRecords:
    """One scene of a prepared dataset.

    Attributes:
        info: what splits and samplers need.
        records: the name of the TFDS split that holds the scene's records.
        first: the number of its first record there; the scene's records follow each other.
        channels: 1 (grey) or 3 (RGB).
        gain: from raw levels to grey levels, of frames of 16 bits; None: frames have 8 bits.
        areas: None without truth and without gas.
        seen_before: frames of the video before the scene, which the means stored with its first record have seen.
    """

    info: SceneInfo
    records: str
    first: int
    channels: int
    gain: Gain | None
    areas: AreaStatistics | None
    seen_before: int = 0


@dataclass(frozen=True, kw_only=True)
class RecordIndex:
    """All scenes of a prepared dataset.

    Attributes:
        frames_per_record: the last record of a scene may hold fewer.
        scenes: in the order of the dataset.
        skipped: one line for each damaged scene that was left out.
        marks_ignored: whether records say which pixels are to be ignored.
    """

    frames_per_record: int
    scenes: tuple[SceneRecords, ...]
    skipped: tuple[str, ...]
    marks_ignored: bool = False

    def to_metadata(self) -> dict[str, Any]:
        """Returns the index as JSON's types."""
        return {
            "format": FORMAT,
            "frames_per_record": self.frames_per_record,
            "scenes": [scene_to_metadata(scene) for scene in self.scenes],
            "skipped": list(self.skipped),
            "marks_ignored": self.marks_ignored,
        }


def read_index(folder: Path) -> RecordIndex:
    """Returns the index of the prepared dataset in `folder`; UserError where there is none that can be read."""
    path = folder / INDEX
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
        if metadata["format"] != FORMAT:
            raise UserError(
                f"{path}: format {metadata['format']}, this version reads format {FORMAT}: prepare the dataset again"
            )
        return RecordIndex(
            frames_per_record=metadata["frames_per_record"],
            scenes=tuple(scene_from_metadata(scene) for scene in metadata["scenes"]),
            skipped=tuple(metadata["skipped"]),
            marks_ignored=metadata.get("marks_ignored", False),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not the index of a prepared dataset: prepare the dataset again") from error


def find_dataset(data_dir: Path, dataset: str) -> Path:
    """Returns the folder of the newest version of a prepared dataset.

    Args:
        data_dir: where `jvlgs prepare` put it.
        dataset: its name, with its configuration ("simgas/over_127") where more than one is prepared.

    UserError where it is not there, or where the configuration is missing and more than one is there.
    """
    folder = Path(data_dir) / dataset
    versions = _versions(folder)
    if not versions:
        configurations = [path.name for path in sorted(folder.glob("*")) if _versions(path)]
        if len(configurations) > 1:
            raise UserError(f"{folder}: prepared as {', '.join(configurations)}: choose {dataset}/{configurations[0]}")
        versions = [version for name in configurations for version in _versions(folder / name)]
    if not versions:
        source = "--clips=1000" if dataset.partition("/")[0] == "plume_sim" else "--manual-dir=DIR"
        raise UserError(
            f"{folder}: no prepared dataset: run jvlgs prepare --dataset={dataset} {source} --data-dir={data_dir}"
        )
    return max(versions, key=lambda path: [int(number) for number in path.name.split(".")])


def is_prepared(data_dir: Path) -> bool:
    """Whether `data_dir` holds any prepared dataset, as opposed to raw folders."""
    return any(Path(data_dir).glob(f"*/[0-9]*/{INDEX}")) or any(Path(data_dir).glob(f"*/*/[0-9]*/{INDEX}"))


def _versions(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.*.*") if re.fullmatch(r"\d+\.\d+\.\d+", path.name)]


def scene_to_metadata(scene: SceneRecords) -> dict[str, Any]:
    """Returns a scene as JSON's types."""
    info = scene.info
    return {
        "name": info.name,
        "group": info.group,
        "source": info.source,
        "split": info.split,
        "length": info.length,
        "size": list(info.size),
        "frames_per_second": info.frames_per_second,
        "leaks": None if info.leak is None else _runs(info.leak),
        "records": scene.records,
        "first": scene.first,
        "channels": scene.channels,
        "gain": None if scene.gain is None else list(scene.gain),
        "areas": None if scene.areas is None else list(scene.areas),
        "seen_before": scene.seen_before,
    }


def scene_from_metadata(stored: dict[str, Any]) -> SceneRecords:
    """Returns the scene that `scene_to_metadata` stored."""
    height, width = stored["size"]
    info = SceneInfo(
        name=stored["name"],
        group=stored["group"],
        source=stored["source"],
        split=stored["split"],
        length=stored["length"],
        size=(height, width),
        frames_per_second=stored["frames_per_second"],
        leak=None if stored["leaks"] is None else _flags(stored["leaks"], stored["length"]),
    )
    return SceneRecords(
        info=info,
        records=stored["records"],
        first=stored["first"],
        channels=stored["channels"],
        gain=None if stored["gain"] is None else Gain(*stored["gain"]),
        areas=None if stored["areas"] is None else AreaStatistics(*stored["areas"]),
        seen_before=stored.get("seen_before", 0),
    )


def _runs(flags: Bool[np.ndarray, " n"]) -> list[list[int]]:
    """Returns [first, end) of every run of frames with gas."""
    changes = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return changes.reshape(-1, 2).tolist()


def _flags(runs: Sequence[Sequence[int]], length: int) -> Bool[np.ndarray, " n"]:
    flags = np.zeros(length, bool)
    for first, end in runs:
        flags[first:end] = True
    return flags
