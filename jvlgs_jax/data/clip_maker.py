"""From a place in a video to a clip that the network is trained on: read, changed at random, resized."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Int

from jvlgs_jax.data.augmentation.transform import ClipTransform
from jvlgs_jax.data.clips import ClipReader, ClipSample
from jvlgs_jax.data.planes import InputPlanes
from jvlgs_jax.data.resize import resize
from jvlgs_jax.data.sampling import ClipConfig, Direction


@dataclass(frozen=True, kw_only=True)
class ClipMaker:
    """Makes clips of several sources.

    Attributes:
        readers: of the sources.
        planes: that the readers give.
        clips: which frames make a clip.
        transforms: what changes it, in order.
        size: (height, width) of the finished clip.
    """

    readers: tuple[ClipReader, ...]
    planes: InputPlanes
    clips: ClipConfig
    transforms: tuple[ClipTransform, ...]
    size: tuple[int, int]

    def __call__(self, clip: Int[np.ndarray, "3"], rng: np.random.Generator) -> ClipSample:
        """Returns the finished clip of (source number, scene number, first frame)."""
        source, scene, first = clip.tolist()
        reader, direction = self.readers[source], self.clips.direction
        if rng.random() < self.clips.reversal_probability:
            direction = direction.opposite
        # Transforms see the frames in the order of time; a clip that goes back is turned at the end.
        in_time = slice(None, None, 1 if direction == Direction.LOOK_AHEAD else -1)
        frames, supervised = self.clips.frames(first, reader.scenes[scene].length, direction)
        sample = narrow(reader.read(scene, frames[in_time], supervised[in_time]), self.planes)
        for transform in self.transforms:
            sample = transform(sample, rng)
        return ClipSample(*(images[in_time] for images in finish(sample, self.size)))


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
