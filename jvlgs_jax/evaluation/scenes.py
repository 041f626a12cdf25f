"""The labelled scenes to score a model on: of raw files or of a prepared dataset, all of them or some."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jvlgs_jax.data.dataset import RecordedScenes
from jvlgs_jax.data.layouts import load_scenes
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.records.index import is_prepared
from jvlgs_jax.data.records.reader import RecordReader
from jvlgs_jax.data.scene import Scene, SceneInfo
from jvlgs_jax.data.splits import divide
from jvlgs_jax.errors import UserError


class LabelledScenes(NamedTuple):
    """Scenes to score on, and the names of those that were asked for but have no truth."""

    scenes: Sequence[Scene]
    unlabelled: list[str]


def labelled_scenes(
    root: Path,
    *,
    dataset: str | None = None,
    layout: str = "auto",
    threshold: int | None = None,
    split: str | None = None,
    names: Sequence[str] | None = None,
) -> LabelledScenes:
    """Returns the chosen scenes of the dataset in `root`; those of a prepared one are read when they are asked for.

    Args:
        root: the folder.
        dataset: name of the dataset that `jvlgs prepare` has put into root; None: root holds the raw files.
        layout: of raw files, see `layouts.load_scenes`.
        threshold: of raw files: grey level of the stored truth above which a pixel is gas; None is the layout's own.
        split: only the scenes that this split holds out, see `splits`.
        names: only the scenes with these names, their own or their group's.

    UserError as `load_scenes`, `RecordReader` and `divide` raise, for unknown names, and where no scene has truth.
    """
    if dataset is not None:
        reader = RecordReader(root, dataset, input_planes("grey"))  # whole scenes come without planes
        chosen, unlabelled = _choose(reader.scenes, split, names)
        return LabelledScenes(RecordedScenes(reader.subset(chosen)), unlabelled)
    if is_prepared(root):
        raise UserError(f"{root}: holds prepared datasets: name one with --dataset=NAME")
    scenes = load_scenes(root, layout, threshold=threshold)
    chosen, unlabelled = _choose([scene.info(layout) for scene in scenes], split, names)
    return LabelledScenes([scenes[number] for number in chosen], unlabelled)


def _choose(scenes: Sequence[SceneInfo], split: str | None, names: Sequence[str] | None) -> tuple[list[int], list[str]]:
    """Returns the numbers of the chosen scenes with truth, and the names of those without."""
    numbers = list(range(len(scenes))) if split is None else divide(scenes, split).test
    if names is not None:
        known = sorted({name for number in numbers for name in (scenes[number].name, scenes[number].group)})
        for name in names:
            if name not in known:
                nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)
                hint = f" (nearest: {nearest[0]!r})" if nearest else ""
                where = "in this dataset" if split is None else f"held out by split {split}"
                raise UserError(f"no scene or group {name!r} {where}{hint}")
        numbers = [number for number in numbers if {scenes[number].name, scenes[number].group} & set(names)]
    unlabelled = [scenes[number].name for number in numbers if scenes[number].leak is None]
    labelled = [number for number in numbers if scenes[number].leak is not None]
    if not labelled:
        asked = f"none of {', '.join(unlabelled)} has truth" if unlabelled else f"split {split!r} holds nothing out"
        raise UserError(f"nothing to score on: {asked}: choose other scenes, or use `jvlgs predict`")
    return labelled, unlabelled
