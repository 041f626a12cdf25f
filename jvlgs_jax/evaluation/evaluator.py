"""Runs a segmenter, and baselines beside it, over labelled scenes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8
from tqdm import tqdm

from jvlgs_jax.data.gain import Frame
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.baselines import Baseline
from jvlgs_jax.evaluation.records import FrameRecord, compare
from jvlgs_jax.inference.postprocess import MaskRule

MODEL = "model"

# Called with a scene, the number of a frame, its probabilities and its 0/1 mask.
Watch = Callable[[Scene, int, Float32[np.ndarray, "h w"], UInt8[np.ndarray, "h w"]], None]


@runtime_checkable
class ProbabilitySource(Protocol):
    """Anything that gives gas probabilities for the frames of one video, such as `inference.segmenter.Segmenter`."""

    def probabilities(self, frames: Iterable[Frame]) -> Iterator[Float32[np.ndarray, "h w"]]:
        """Yields one map for each frame, in order, at the frame's size."""
        ...


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The records of every scene, in order, by method: "model", then the baselines by name."""

    records: Mapping[str, Sequence[FrameRecord]]


def evaluate(
    segmenter: ProbabilitySource,
    scenes: Iterable[Scene],
    rule: MaskRule,
    baselines: Mapping[str, Baseline] | None = None,
    watch: Watch | None = None,
) -> Evaluation:
    """Compares the masks that `rule` makes of the segmenter's probabilities with the truth of each scene.

    Frames are scored one by one at their own size, and only their records are kept; `watch` is shown each as it passes.
    Progress goes to stderr when that is a terminal. UserError for a scene without truth.
    """
    baselines = baselines or {}
    records: dict[str, list[FrameRecord]] = {method: [] for method in (MODEL, *baselines)}
    for scene in scenes:
        truths = _truths(scene)
        frames = tqdm(scene.frames, desc=f"evaluate {scene.name}", unit="frame", leave=False, disable=None)
        masks = rule.stream()
        for index, (probability, truth) in enumerate(zip(segmenter.probabilities(frames), truths, strict=True)):
            mask = masks.push(probability)
            records[MODEL].append(compare(scene.name, index, mask, truth, probability))
            if watch is not None:
                watch(scene, index, probability, mask)
        for name, baseline in baselines.items():
            for index, (mask, truth) in enumerate(zip(baseline(scene.frames), truths, strict=True)):
                records[name].append(compare(scene.name, index, mask, truth))
    return Evaluation(records=records)


def _truths(scene: Scene) -> UInt8[np.ndarray, "n h w"]:
    if scene.truth is None:
        raise UserError(f"scene {scene.name}: no truth to score against: leave it out, or use `jvlgs predict`")
    return scene.truth
