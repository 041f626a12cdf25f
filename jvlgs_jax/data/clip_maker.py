"""From places in videos to the clips that the network is trained on: read, changed at random, resized."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from jvlgs_jax.data.augmentation.transform import ClipTransform
from jvlgs_jax.data.clip_source import ClipCut, TrainingSource, in_time
from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.planes import InputPlanes
from jvlgs_jax.data.resize import resize
from jvlgs_jax.data.sampling import ClipConfig, Direction


class DrawnClip(NamedTuple):
    """A clip to make: where it starts, and the generator of its random changes."""

    source: int
    scene: int
    first: int
    rng: np.random.Generator


@dataclass(frozen=True, kw_only=True)
class ClipMaker:
    """Makes clips of several sources.

    Attributes:
        sources: of the clips.
        planes: that the sources give.
        clips: which frames make a clip.
        transforms: what changes it, in order.
        size: (height, width) of the finished clip.
    """

    sources: tuple[TrainingSource, ...]
    planes: InputPlanes
    clips: ClipConfig
    transforms: tuple[ClipTransform, ...]
    size: tuple[int, int]

    def __call__(self, drawn: Sequence[DrawnClip]) -> list[ClipSample]:
        """Returns the finished clips; those of one source are read together, as some are made in groups.

        All have maps of what is to be ignored if any source marks it.
        """
        cuts = [ClipCut(clip.scene, clip.first, self._direction(clip.rng)) for clip in drawn]
        finished: dict[int, ClipSample] = {}
        for number, source in enumerate(self.sources):
            places = [place for place, clip in enumerate(drawn) if clip.source == number]
            samples = source.read([cuts[place] for place in places], self.clips)
            for place, sample in zip(places, samples, strict=True):
                finished[place] = self._finished(sample, cuts[place].direction, drawn[place].rng)
        return [finished[place] for place in range(len(drawn))]

    def _direction(self, rng: np.random.Generator) -> Direction:
        direction = self.clips.direction
        return direction.opposite if rng.random() < self.clips.reversal_probability else direction

    def _finished(self, sample: ClipSample, direction: Direction, rng: np.random.Generator) -> ClipSample:
        sample = narrow(sample, self.planes)
        # Transforms see the frames in the order of time; a clip that goes back is turned at the end.
        for transform in self.transforms:
            sample = transform(sample, rng)
        planes, mask = finish(sample, self.size)
        maps = mask.reshape(-1, self.clips.supervised, *mask.shape[1:])  # truth, and what of it is to be ignored
        if len(maps) == 1 and any(source.marks_ignored for source in self.sources):
            maps = np.concatenate([maps, np.zeros_like(maps)])
        turned = in_time(direction)
        return ClipSample(planes[turned], np.concatenate(maps[:, turned]))


def narrow(sample: ClipSample, planes: InputPlanes) -> ClipSample:
    """Returns the sample with one plane where its three are the same picture: `grey` planes, or `rgb` of grey video.

    Planes that remember stay three, even where a still clip makes them equal: noise would part them.
    """
    if planes.remembers or sample.planes.shape[-1] == 1:
        return sample
    narrowed = np.empty((*sample.planes.shape[:3], 1), np.float32)
    for result, image in zip(narrowed, sample.planes, strict=True):
        first, second, third = cv2.split(image)
        if not (np.array_equal(first, second) and np.array_equal(first, third)):
            return sample
        result[..., 0] = first
    return sample._replace(planes=narrowed)


def finish(sample: ClipSample, size: tuple[int, int]) -> ClipSample:
    """Returns the sample in `size` (height, width), see `resize`, with three planes again."""
    planes = np.empty((len(sample.planes), *size, 3), np.float32)
    for result, image in zip(planes, sample.planes, strict=True):
        resized = resize(image, size)
        if resized.shape[-1] == 1:
            cv2.merge([resized] * 3, dst=result)
        else:
            result[...] = resized
    return ClipSample(planes, np.stack([resize(mask, size) for mask in sample.mask]))
