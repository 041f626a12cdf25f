"""The support set: the annotated frames of a new site, each with all that a window of the network needs of its past."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.data.clip_source import in_time
from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.gain import Frame
from jvlgs_jax.data.images import shown_size
from jvlgs_jax.data.planes import InputPlanes
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.errors import UserError

Place = TypeVar("Place", int, tuple[int, int])  # a frame's number, perhaps after its scene's


class SupportFrame(NamedTuple):
    """An annotated frame in its window.

    Attributes:
        scene: name of its video.
        number: of the frame in its video, which is how many frames its planes have seen before it.
        sample: the planes of its window in the order of time, and its mask, at the video's size.
    """

    scene: str
    number: int
    sample: ClipSample

    @property
    def mask(self) -> UInt8[np.ndarray, "h w"]:
        """1 where there is gas."""
        return self.sample.mask[0, ..., 0].astype(np.uint8)

    @property
    def leaks(self) -> bool:
        """Whether it shows gas."""
        return bool(self.sample.mask.any())

    def __str__(self) -> str:
        return f"frame {self.number} of {self.scene}"


@dataclass(frozen=True, kw_only=True)
class Support:
    """What is known of a new site.

    Attributes:
        frames: to learn from, with gas and without.
        leak_free: frames without gas that nothing is learned from; false alarms are counted on them.
    """

    frames: tuple[SupportFrame, ...]
    leak_free: tuple[SupportFrame, ...] = ()

    @property
    def shots(self) -> int:
        """How many frames with gas there are to learn from: the K of "K-shot"."""
        return sum(frame.leaks for frame in self.frames)

    @property
    def sha256(self) -> str:
        """A hash of all planes and masks, in hexadecimal digits."""
        digest = hashlib.sha256()
        for frame in (*self.frames, *self.leak_free):
            for part in frame.sample:
                digest.update(repr(part.shape).encode())
                digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()


def cut_windows(
    scene: str,
    video: Iterable[Frame],
    masks: Mapping[int, UInt8[np.ndarray, "h w"] | None],
    planes: InputPlanes,
    clips: ClipConfig,
) -> list[SupportFrame]:
    """Returns the frames of `video` that have a mask, by number, where None is a mask without gas.

    One frame of the video is in memory at a time.

    Planes are causal, made of all frames before each as `inference.segmenter` makes them. Windows that reach past an
    end of the video repeat the frame there. UserError for masks of frames that there are not, or of another size.
    """
    endless = max(masks, default=0) + clips.step * clips.length + 1
    needed = {int(n) for first in masks for n in clips.frames(first, endless).frames}
    kept: dict[int, np.ndarray] = {}
    stream, number, last = planes.stream(), -1, None
    for number, frame in enumerate(video):
        last = stream.push(frame)
        if number in needed:
            kept[number] = last
        if needed and number > max(needed):
            break
    beyond = sorted(first for first in masks if first > number)
    if beyond or last is None:
        raise UserError(f"{scene}: a mask for frame {(beyond or [0])[0]}, but its video has {number + 1} frames")
    kept.setdefault(number, last)
    found = []
    for first, mask in sorted(masks.items()):
        frames = clips.frames(first, number + 1).frames[in_time(clips.direction)]
        mask = np.zeros(last.shape[:2], np.uint8) if mask is None else mask
        if mask.shape != last.shape[:2]:
            raise UserError(
                f"{scene}: the mask of frame {first} has {shown_size(mask)} pixels, its frames have "
                f"{shown_size(last)}: export both at one size"
            )
        sample = ClipSample(np.stack([kept[int(n)] for n in frames]), mask[None, ..., None].astype(np.float32))
        found.append(SupportFrame(scene, first, sample))
    return found


def spread(places: Iterable[Place], count: int) -> list[Place]:
    """Returns `count` of the places, or all if there are fewer, as evenly spaced in their order as can be."""
    ordered = sorted(places)
    if len(ordered) <= count:
        return ordered
    return [ordered[i] for i in ((np.arange(count) + 0.5) * len(ordered) / count).astype(int)]
