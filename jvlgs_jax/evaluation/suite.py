"""Which datasets a suite scores: the sub-folders of a folder, or those that a suite file lists."""

import hashlib
import json
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from jvlgs_jax.data.file_states import file_states
from jvlgs_jax.data.hidden import is_hidden, visible
from jvlgs_jax.data.natural_order import natural_key
from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.scenes import LabelledScenes, labelled_scenes

_FILE_FORM = '{"datasets": [{"name": ..., "path": ..., "layout": ..., "split": ...}, ...]}'


@dataclass(frozen=True, kw_only=True)
class SuiteDataset:
    """One dataset of a suite; all but its name is what `scenes.labelled_scenes` takes.

    Attributes:
        name: unique in the suite; its results go to a folder of this name.
        path: the dataset's folder; in a suite file relative to the file's own folder.
        dataset: name of the prepared dataset in path; None: raw files.
        layout: of raw files.
        threshold: of raw files.
        split: only the scenes that it holds out.
    """

    name: str
    path: Path
    dataset: str | None = None
    layout: str = "auto"
    threshold: int | None = None
    split: str | None = None

    def scenes(self) -> LabelledScenes:
        """Returns the scenes to score on; UserError as `labelled_scenes` raises."""
        return labelled_scenes(
            self.path, dataset=self.dataset, layout=self.layout, threshold=self.threshold, split=self.split
        )

    def state(self) -> str:
        """Returns a hash of the names, sizes and times of the dataset's files, which tells at once whether it changed.

        Hidden files and folders do not count.
        """
        top = self.path if self.dataset is None else self.path / self.dataset
        files: list[Path] = []
        for folder, folders, names in os.walk(top, followlinks=True):
            folders[:] = [name for name in folders if not is_hidden(name)]  # those left in are walked
            files += [Path(folder, name) for name in names if not is_hidden(name)]
        found = [(name, *state) for name, state in file_states(files, top).items()]
        return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()


def read_suite(path: Path, output: Path) -> list[SuiteDataset]:
    """Returns the datasets of a suite: those of a suite file, or one for each sub-folder of a folder, in natural order.

    The folder `output` is for results, and no dataset where it lies among them.

    A suite file is JSON, {"datasets": [{"name": ..., "path": ..., "layout": ..., "split": ...}, ...]}, in which "name"
    and "path" are needed and the other fields of `SuiteDataset` may be given. UserError names the entry that is wrong.
    """
    if path.is_dir():
        results = output.resolve()
        folders = [entry for entry in visible(path.iterdir()) if entry.is_dir() and entry.resolve() != results]
        if not folders:
            raise UserError(f"{path}: no folder in this suite: it should hold a folder for each dataset")
        ordered = sorted(folders, key=lambda folder: natural_key(folder.name))
        return [SuiteDataset(name=folder.name, path=folder) for folder in ordered]
    if not path.is_file():
        raise UserError(f"{path}: no such suite: give a folder of datasets, or a suite file")
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["datasets"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not a suite file ({type(error).__name__}: {error}): write {_FILE_FORM}") from error
    if not isinstance(entries, list) or not entries:
        raise UserError(f"{path}: lists no dataset: write {_FILE_FORM}")
    datasets = [_dataset(path, number, entry) for number, entry in enumerate(entries)]
    names = [dataset.name for dataset in datasets]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{path}: two datasets are called {name!r}: give each its own name")
    return datasets


def _dataset(file: Path, number: int, entry: Any) -> SuiteDataset:
    where = f"{file}: dataset {number}"
    if not isinstance(entry, dict):
        raise UserError(f"{where} is {entry!r}: write {_FILE_FORM}")
    known = [field.name for field in fields(SuiteDataset)]
    for key, value in entry.items():
        if key not in known:
            raise UserError(f"{where}: unknown field {key!r}; the fields are {', '.join(known)}")
        kind = int if key == "threshold" else str
        if value is not None and not isinstance(value, kind):
            raise UserError(f"{where}: {key} is {value!r}, it must be of type {kind.__name__}")
    for key in ("name", "path"):
        if not entry.get(key):
            raise UserError(f"{where}: {key} is missing: write {_FILE_FORM}")
    if Path(entry["name"]).name != entry["name"] or is_hidden(entry["name"]):
        raise UserError(f"{where}: name is {entry['name']!r}, but its results go to a folder of this name")
    return SuiteDataset(**entry | {"path": file.parent / entry["path"]})
