"""Which scenes are trained on and which are held out, by a short name that a config can hold.

| name | held out |
|---|---|
| `all` | nothing |
| `published/F` | fold F of 5: the scenes in natural order, cut in runs as equal as possible (7/6/6/6/6 of 31) |
| `grouped/F`, `grouped/FofN` | fold F of 5, or of N: groups kept together, with nearly the same number of frames |
| `stated/test`, `stated/val` | the part that the dataset itself calls so; trained on is its "train" |
| `hold_out:A,B` | the scenes and groups named |

The published folds have scenes of one background on both sides, so they measure less than they seem to.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from jvlgs_jax.data.natural_order import natural_key
from jvlgs_jax.data.scene import SceneInfo
from jvlgs_jax.errors import UserError

FOLDS = 5
STATED_PARTS = ("test", "val")
FORMS = ("all", "published/0", "grouped/0", "grouped/0of3", "stated/test", "hold_out:NAME,NAME")


class Division(NamedTuple):
    """The numbers of the scenes to train on and of those held out, both in the order of the dataset."""

    train: list[int]
    test: list[int]


@runtime_checkable
class Split(Protocol):
    """One way to divide a dataset; `str` gives the name that `parse_split` takes."""

    def divide(self, scenes: Sequence[SceneInfo]) -> Division:
        """Divides the scenes of one dataset; UserError if they cannot be divided so."""
        ...


@dataclass(frozen=True)
class Everything:
    """Holds nothing out."""

    def __str__(self) -> str:
        return "all"

    def divide(self, scenes: Sequence[SceneInfo]) -> Division:
        """Returns all scenes to train on."""
        return _division(scenes, set())


@dataclass(frozen=True)
class PublishedFold:
    """Holds out one of five runs of the scenes in natural order; the runs that are a scene longer come first."""

    fold: int

    def __str__(self) -> str:
        return f"published/{self.fold}"

    def divide(self, scenes: Sequence[SceneInfo]) -> Division:
        """UserError for fewer scenes than folds."""
        if len(scenes) < FOLDS:
            raise UserError(f"split {self} needs {FOLDS} scenes, there are {len(scenes)}: use hold_out:NAME instead")
        ordered = sorted(range(len(scenes)), key=lambda number: natural_key(scenes[number].name))
        return _division(scenes, set(np.array_split(ordered, FOLDS)[self.fold].tolist()))


@dataclass(frozen=True)
class GroupedFold:
    """Holds out one of `folds` sets of whole groups; the sets are balanced in frames as far as groups allow."""

    fold: int
    folds: int = FOLDS

    def __str__(self) -> str:
        return f"grouped/{self.fold}" + ("" if self.folds == FOLDS else f"of{self.folds}")

    def divide(self, scenes: Sequence[SceneInfo]) -> Division:
        """UserError for fewer groups than folds."""
        frames: dict[str, int] = {}
        for scene in scenes:
            frames[scene.group] = frames.get(scene.group, 0) + scene.length
        if len(frames) < self.folds:
            mend = f"use grouped/0of{len(frames)}" if len(frames) > 1 else "use all"
            raise UserError(f"split {self} needs {self.folds} groups, there are {len(frames)}: {mend}")
        totals = [0] * self.folds
        fold_of = {}
        # The largest group first, each to the fold that has least: folds then differ by at most one group.
        for group in sorted(frames, key=lambda group: (-frames[group], natural_key(group))):
            fold_of[group] = totals.index(min(totals))
            totals[fold_of[group]] += frames[group]
        return _division(scenes, {i for i, scene in enumerate(scenes) if fold_of[scene.group] == self.fold})


@dataclass(frozen=True)
class StatedPart:
    """Follows the dataset's own split: trains on "train" and holds out `part`, "test" or "val"."""

    part: str

    def __str__(self) -> str:
        return f"stated/{self.part}"

    def divide(self, scenes: Sequence[SceneInfo]) -> Division:
        """UserError for a dataset that states no such part."""
        stated = {scene.split for scene in scenes}
        if not {"train", self.part} <= stated:
            known = ", ".join(sorted(part for part in stated if part)) or "nothing"
            raise UserError(f"split {self}: this dataset states {known}: use grouped/0 or hold_out:NAME instead")
        numbered = list(enumerate(scenes))
        return Division(*([i for i, scene in numbered if scene.split == part] for part in ("train", self.part)))


@dataclass(frozen=True)
class HoldOut:
    """Holds out the scenes with these names, their own or their group's."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return "hold_out:" + ",".join(self.names)

    def divide(self, scenes: Sequence[SceneInfo]) -> Division:
        """UserError for unknown names, and for a group on both sides: a model could have learnt its background."""
        known = {scene.name for scene in scenes} | {scene.group for scene in scenes}
        unknown = [name for name in self.names if name not in known]
        if unknown:
            raise UserError("unknown scenes to hold out: " + ", ".join(_suggest(name, known) for name in unknown))
        division = _division(scenes, {i for i, s in enumerate(scenes) if {s.name, s.group} & set(self.names)})
        for number in division.train:
            group = scenes[number].group
            if group in {scenes[i].group for i in division.test}:
                members = ", ".join(scene.name for scene in scenes if scene.group == group)
                raise UserError(
                    f"scene {scenes[number].name} shares its background with a held-out scene: "
                    f"hold out all of {members}, or none"
                )
        return division


def parse_split(name: str) -> Split:
    """Returns the split of this name; UserError for a name of no known form, with the nearest one."""
    if name == "all":
        return Everything()
    if match := re.fullmatch(r"hold_out:([^,]+(?:,[^,]+)*)", name):
        return HoldOut(tuple(match[1].split(",")))
    if match := re.fullmatch(r"stated/(\w+)", name):
        if match[1] not in STATED_PARTS:
            raise UserError(f"split {name!r}: the parts are {' and '.join(STATED_PARTS)}: did you mean 'stated/test'?")
        return StatedPart(match[1])
    if match := re.fullmatch(r"published/(\d{1,4})", name):
        return PublishedFold(_fold(name, int(match[1]), FOLDS))
    if match := re.fullmatch(r"grouped/(\d{1,4})(?:of(\d{1,4}))?", name):
        folds = int(match[2] or FOLDS)
        if folds < 2:
            raise UserError(f"split {name!r} has {folds} folds, the least is 2: did you mean 'grouped/0of2'?")
        return GroupedFold(_fold(name, int(match[1]), folds), folds)
    nearest = difflib.get_close_matches(name, FORMS, n=1, cutoff=0)[0]
    raise UserError(f"unknown split {name!r}: the forms are {', '.join(FORMS)}; did you mean {nearest!r}?")


def divide(scenes: Sequence[SceneInfo], split: str) -> Division:
    """Divides the scenes of one dataset by the split of this name; UserError as `parse_split` and the split raise."""
    return parse_split(split).divide(scenes)


def describe_splits(scenes: Sequence[SceneInfo]) -> str:
    """Returns a table of all splits that this dataset allows: what each trains on and what it holds out."""
    candidates: list[Split] = [Everything()]
    candidates += [PublishedFold(fold) for fold in range(FOLDS)]
    folds = min(FOLDS, len({scene.group for scene in scenes}))
    candidates += [GroupedFold(fold, folds) for fold in range(folds) if folds > 1]
    candidates += [StatedPart(part) for part in STATED_PARTS]
    rows = [("split", "train on", "held out", "held-out scenes")]
    for split in candidates:
        try:
            train, test = split.divide(scenes)
        except UserError:
            continue  # not for this dataset
        shared = {scenes[i].group for i in train} & {scenes[i].group for i in test}
        names = " ".join(scenes[i].name for i in test) + (" (backgrounds shared with training)" if shared else "")
        rows.append((str(split), _amount(scenes, train), _amount(scenes, test), names))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _division(scenes: Sequence[SceneInfo], test: set[int]) -> Division:
    return Division([i for i in range(len(scenes)) if i not in test], sorted(test))


def _fold(name: str, fold: int, folds: int) -> int:
    if fold >= folds:
        mend = re.sub(r"\d+", str(folds - 1), name, count=1)
        raise UserError(f"split {name!r}: the folds are 0 to {folds - 1}: did you mean {mend!r}?")
    return fold


def _suggest(name: str, known: set[str]) -> str:
    nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0)
    return f"{name!r} (nearest: {nearest[0]!r})" if nearest else repr(name)


def _amount(scenes: Sequence[SceneInfo], numbers: Sequence[int]) -> str:
    return f"{len(numbers)} scenes, {sum(scenes[i].length for i in numbers)} frames"
