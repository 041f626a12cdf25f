"""How much of the training scenes is used, by a short name that a config can hold.

| name | what is kept of every scene |
|---|---|
| `all` | every clip |
| `10%` | this share of its clips, one at least |
| `kshot:5` | 5 clips |
| `kshot:5frames` | clips that together need no more than 5 labelled frames |

Every draw is seeded by the scene's name: it is the same whatever other scenes there are, and of one seed the smaller
draw is part of the larger one.
"""

import difflib
import math
import re
import zlib
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int

from jvlgs_jax.errors import UserError

FORMS = ("all", "10%", "kshot:5", "kshot:5frames")


@runtime_checkable
class Subset(Protocol):
    """One way to take a part of a scene's clips; `str` gives the name that `parse_subset` takes."""

    def choose(self, supervised: Int[np.ndarray, "n s"], rng: np.random.Generator) -> Int[np.ndarray, " k"]:
        """Returns the numbers of the chosen clips of n in increasing order, given the frames that each needs labelled.

        UserError if no clip can be chosen.
        """
        ...


@dataclass(frozen=True)
class AllClips:
    """Keeps every clip."""

    def __str__(self) -> str:
        return "all"

    def choose(self, supervised: Int[np.ndarray, "n s"], rng: np.random.Generator) -> Int[np.ndarray, " k"]:
        """Returns every number."""
        return np.arange(len(supervised))


@dataclass(frozen=True)
class ShareOfClips:
    """Keeps a percentage of the clips."""

    percent: float

    def __str__(self) -> str:
        return f"{self.percent:g}%"

    def choose(self, supervised: Int[np.ndarray, "n s"], rng: np.random.Generator) -> Int[np.ndarray, " k"]:
        """Returns a share of the numbers, rounded up."""
        count = math.ceil(len(supervised) * self.percent / 100)
        return np.sort(rng.permutation(len(supervised))[:count])


@dataclass(frozen=True)
class ClipShots:
    """Keeps `count` clips, or all of a scene that has fewer."""

    count: int

    def __str__(self) -> str:
        return f"kshot:{self.count}"

    def choose(self, supervised: Int[np.ndarray, "n s"], rng: np.random.Generator) -> Int[np.ndarray, " k"]:
        """Returns `count` of the numbers."""
        return np.sort(rng.permutation(len(supervised))[: self.count])


@dataclass(frozen=True)
class FrameShots:
    """Keeps clips that together need at most `count` labelled frames: what a person has to draw."""

    count: int

    def __str__(self) -> str:
        return f"kshot:{self.count}frames"

    def choose(self, supervised: Int[np.ndarray, "n s"], rng: np.random.Generator) -> Int[np.ndarray, " k"]:
        """Takes clips in random order as long as they fit; clips may share frames, which count once."""
        labelled: set[int] = set()
        chosen = []
        for number in rng.permutation(len(supervised)):
            needed = labelled | set(supervised[number].tolist())
            if len(needed) <= self.count:
                labelled = needed
                chosen.append(number)
        if not chosen:
            fewest = min(len(set(frames)) for frames in supervised.tolist())
            raise UserError(f"subset {self}: one clip needs {fewest} labelled frames: use kshot:{fewest}frames or more")
        return np.sort(np.array(chosen, np.int64))


def parse_subset(name: str) -> Subset:
    """Returns the subset of this name; UserError for a name of no known form, with the nearest one."""
    if name == "all":
        return AllClips()
    if match := re.fullmatch(r"(\d{1,3}(?:\.\d+)?)%", name):
        percent = float(match[1])
        if not 0 < percent <= 100:
            raise UserError(f"subset {name!r} must be more than 0% and at most 100%: did you mean '100%'?")
        return ShareOfClips(percent)
    if match := re.fullmatch(r"kshot:(\d{1,9})(frames)?", name):
        if int(match[1]) < 1:
            raise UserError(f"subset {name!r}: the least is one: did you mean 'kshot:1{match[2] or ''}'?")
        return (FrameShots if match[2] else ClipShots)(int(match[1]))
    nearest = difflib.get_close_matches(name, FORMS, n=1, cutoff=0)[0]
    raise UserError(f"unknown subset {name!r}: the forms are {', '.join(FORMS)}; did you mean {nearest!r}?")


def scene_generator(scene: str, seed: int) -> np.random.Generator:
    """Returns the random numbers to choose from the scene of this name with."""
    return np.random.default_rng([seed, zlib.crc32(scene.encode(errors="surrogateescape"))])
