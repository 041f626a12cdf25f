"""Runs a segmenter, and baselines beside it, over labelled scenes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol, TypeVar, runtime_checkable

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

_Item = TypeVar("_Item")

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
    """What was found by each method: "model", then the baselines by name.

    Attributes:
        records: of every scene, in order.
        seconds: that the method took for each scene by name, from frames in memory to masks.
    """

    records: Mapping[str, Sequence[FrameRecord]]
    seconds: Mapping[str, Mapping[str, float]]


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
    seconds: dict[str, dict[str, float]] = {method: {} for method in records}
    for scene in scenes:
        truths = _truths(scene)
        frames = tqdm(scene.frames, desc=f"evaluate {scene.name}", unit="frame", leave=False, disable=None)
        found = _timed(_masks(segmenter, frames, rule), seconds[MODEL], scene.name)
        for index, ((probability, mask), truth) in enumerate(zip(found, truths, strict=True)):
            records[MODEL].append(compare(scene.name, index, mask, truth, probability))
            if watch is not None:
                watch(scene, index, probability, mask)
        for name, baseline in baselines.items():
            masks = _timed(baseline(scene.frames), seconds[name], scene.name)
            for index, (mask, truth) in enumerate(zip(masks, truths, strict=True)):
                records[name].append(compare(scene.name, index, mask, truth))
    return Evaluation(records=records, seconds=seconds)


def _masks(
    segmenter: ProbabilitySource, frames: Iterable[Frame], rule: MaskRule
) -> Iterator[tuple[Float32[np.ndarray, "h w"], UInt8[np.ndarray, "h w"]]]:
    masks = rule.stream()
    for probability in segmenter.probabilities(frames):
        yield probability, masks.push(probability)


def _timed(items: Iterator[_Item], seconds: dict[str, float], scene: str) -> Iterator[_Item]:
    """Passes `items` on and notes in `seconds` how long they took to make; what is done with them does not count."""
    seconds[scene] = 0.0
    while True:
        start = perf_counter()
        try:
            item = next(items)
        except StopIteration:
            return
        finally:
            seconds[scene] += perf_counter() - start
        yield item


def _truths(scene: Scene) -> UInt8[np.ndarray, "n h w"]:
    if scene.truth is None:
        raise UserError(f"scene {scene.name}: no truth to score against: leave it out, or use `jvlgs predict`")
    return scene.truth
