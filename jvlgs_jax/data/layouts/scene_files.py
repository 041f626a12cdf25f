"""A scene as it lies on disk, read one frame at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.data.gain import GAIN_FRAMES, measure_gain
from jvlgs_jax.data.images import RawPixels, check_alike, shown_size
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.errors import UserError


class Picture(NamedTuple):
    """One frame without its truth.

    Attributes:
        pixels: 8 bits, grey (c = 1) or RGB (c = 3), or 16 bits, grey.
        encoded: the JPEG or PNG file that holds exactly these pixels; None where there is no such file.
    """

    pixels: RawPixels
    encoded: bytes | None


class Mask(NamedTuple):
    """The truth of one frame (1 where there is gas, 0 elsewhere), and the file it came from."""

    gas: UInt8[np.ndarray, "h w"]
    path: Path


class StoredFrame(NamedTuple):
    """One frame; `mask` is 1 where there is gas, None where no truth is known. See `Picture` for the rest."""

    pixels: RawPixels
    mask: UInt8[np.ndarray, "h w"] | None
    encoded: bytes | None


@runtime_checkable
class Pictures(Protocol):
    """The frames of a scene, in order; all have one size, one number of channels and one depth."""

    @property
    def path(self) -> Path:
        """Names the scene in messages."""
        ...

    def stored(self) -> tuple[Path, ...]:
        """Returns the files that hold them."""
        ...

    def frames_per_second(self) -> float:
        """Of the recording; UserError where the file does not say or cannot be read."""
        ...

    def check(self) -> None:
        """Raises UserError for faults that show without reading the frames."""
        ...

    def __iter__(self) -> Iterator[Picture]:
        """Reads the frames from the first; UserError at the first damaged one."""
        ...


@runtime_checkable
class Truth(Protocol):
    """The masks of a scene, one a frame, in order."""

    @property
    def path(self) -> Path:
        """Names the masks in messages."""
        ...

    def stored(self) -> tuple[Path, ...]:
        """Returns the files that hold them, also those that are missing."""
        ...

    def check(self) -> None:
        """Raises UserError for faults that show without reading the masks."""
        ...

    def __iter__(self) -> Iterator[Mask | None]:
        """Reads the masks from the first; None: the frame is known to hold no gas."""
        ...


@dataclass(frozen=True, kw_only=True)
class SceneFiles:
    """A scene as it lies on disk; iterating reads one frame at a time.

    Attributes:
        name: unique in its dataset.
        group: scenes that share a background share a group.
        source: the dataset's name, e.g. "simgas".
        split: the dataset's own split where its layout states one.
        pictures: where the frames are.
        truth: where the masks are; None: no truth is known.
    """

    name: str
    group: str
    source: str
    split: str | None
    pictures: Pictures
    truth: Truth | None

    def stored(self) -> tuple[Path, ...]:
        """Returns all files of the scene, also those that are missing."""
        return self.pictures.stored() + (() if self.truth is None else self.truth.stored())

    def check(self) -> None:
        """Raises UserError for faults that show without reading the frames: missing files, empty folders."""
        self.pictures.check()
        if self.truth is not None:
            self.truth.check()

    def __iter__(self) -> Iterator[StoredFrame]:
        """Reads the frames from the first.

        UserError for a scene without frames, frames of two sizes, and truth of another size or length.
        """
        if self.truth is None:
            pairs = ((picture, None) for picture in self.pictures)
        else:
            pairs = _paired(self.pictures, self.truth)
        first: Picture | None = None
        for picture, mask in pairs:
            first = first or picture
            check_alike(picture.pixels, first.pixels, self.pictures.path)
            if mask is not None:
                _check_size(mask, picture.pixels)
            yield StoredFrame(picture.pixels, self._gas(mask, picture), picture.encoded)
        if first is None:
            raise UserError(f"{self.pictures.path}: no frame in this scene: remove it, or add its frames")

    def load(self) -> Scene:
        """Reads the whole scene into memory; frames of 16 bits become grey levels by its gain, see `Gain`."""
        self.check()
        frames = iter(self)
        beginning = list(islice(frames, GAIN_FRAMES))
        gain = measure_gain([frame.pixels for frame in beginning])
        pixels: list[np.ndarray] = []
        masks: list[np.ndarray] = []
        for frame in chain(beginning, frames):
            pixels.append(gain.to_grey(frame.pixels))
            if frame.mask is not None:
                masks.append(frame.mask)
        return Scene(
            name=self.name,
            group=self.group,
            frames=np.stack(pixels),
            truth=np.stack(masks) if masks else None,
            frames_per_second=self.pictures.frames_per_second(),
            split=self.split,
        )

    def _gas(self, mask: Mask | None, picture: Picture) -> UInt8[np.ndarray, "h w"] | None:
        if self.truth is None:
            return None
        return np.zeros(picture.pixels.shape[:2], np.uint8) if mask is None else mask.gas


def _paired(pictures: Pictures, truth: Truth) -> Iterator[tuple[Picture, Mask | None]]:
    frames, masks = iter(pictures), iter(truth)
    count = 0
    for picture in frames:
        try:
            mask = next(masks)
        except StopIteration:
            raise _unequal(truth.path, masks=count, frames=count + 1 + sum(1 for _ in frames)) from None
        yield picture, mask
        count += 1
    left_over = sum(1 for _ in masks)
    if left_over:
        raise _unequal(truth.path, masks=count + left_over, frames=count)


def _unequal(path: Path, *, masks: int, frames: int) -> UserError:
    return UserError(f"{path}: {masks} frames, its video has {frames}: export both at one length")


def _check_size(mask: Mask, pixels: np.ndarray) -> None:
    if mask.gas.shape != pixels.shape[:2]:
        raise UserError(
            f"{mask.path}: {shown_size(mask.gas)} pixels, its image has {shown_size(pixels)}: export both at one size"
        )
