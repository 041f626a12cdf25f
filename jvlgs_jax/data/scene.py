"""One video in memory, with or without its ground truth, and what is known of one without reading its frames."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One video: its frames and, where known, which pixels are gas.

    Attributes:
        name: unique in its dataset, e.g. "3_bats".
        group: scenes that share a background share a group, and must stay on one side of any split.
        frames: in grey levels, grey (c = 1) or RGB (c = 3); with fractions where the camera gave more than 8 bits.
        truth: 1 where there is gas, 0 elsewhere; None where no truth is known.
        frames_per_second: of the recording.
        split: the dataset's own split ("train", "val" or "test") where its layout states one.
    """

    name: str
    group: str
    frames: UInt8[np.ndarray, "n h w c"] | Float32[np.ndarray, "n h w c"]
    truth: UInt8[np.ndarray, "n h w"] | None
    frames_per_second: float
    split: str | None = None

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def has_leak(self) -> Bool[np.ndarray, " n"]:
        """Which frames show gas; ValueError without truth."""
        if self.truth is None:
            raise ValueError(f"scene {self.name} has no truth")
        return np.array([mask.any() for mask in self.truth], bool)

    def info(self, source: str) -> "SceneInfo":
        """Returns what is known of the scene beside its frames; `source` is the name of its dataset."""
        return SceneInfo(
            name=self.name,
            group=self.group,
            source=source,
            split=self.split,
            length=len(self),
            size=(self.frames.shape[1], self.frames.shape[2]),
            frames_per_second=self.frames_per_second,
            leak=None if self.truth is None else self.has_leak,
        )


@dataclass(frozen=True, kw_only=True)
class SceneInfo:
    """What is known of a scene without reading its frames.

    Attributes:
        name: unique in its dataset, e.g. "3_bats".
        group: scenes that share a background share a group.
        source: the dataset's name, e.g. "simgas".
        split: the dataset's own split ("train", "val" or "test") where its layout states one.
        length: in frames.
        size: (height, width) of its frames.
        frames_per_second: of the recording.
        leak: which frames show gas; None where no truth is known.
    """

    name: str
    group: str
    source: str
    split: str | None
    length: int
    size: tuple[int, int]
    frames_per_second: float
    leak: Bool[np.ndarray, " n"] | None
