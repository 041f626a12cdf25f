"""Where the truth of a scene is: image files in one of the encodings in use, or a video."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.data.images import is_grey, list_images, read_image
from jvlgs_jax.data.layouts.scene_files import Mask
from jvlgs_jax.data.planes import luma
from jvlgs_jax.data.video_frames import decode_colors
from jvlgs_jax.errors import UserError

HALF_GREY = 127  # gas is brighter, in masks stored as 0 and 255
GAS, IGNORE = 1, 255  # in masks of class indices

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_COLOR, _PALETTE = 25, 3  # offset in the header, and its value


class _Content(NamedTuple):
    """Which values a mask file stores, and whether they are indices into a palette."""

    values: set[int]
    palette: bool


class Encoding(Enum):
    """How masks say which pixels are gas."""

    INDEX = "class indices 0 and 1"  # and 255, ignore, which counts as no gas
    BINARY = "0 and 255"
    SOFT = "grey levels"


@dataclass(frozen=True, kw_only=True)
class MaskFiles:
    """The masks of a scene, or of a whole dataset of single images, as image files of one encoding.

    What the files hold decides the encoding: class indices (also as a palette), 0 and 255, or soft grey levels. A
    pixel to ignore (255 among class indices) counts as no gas, since truth is gas or not gas.

    Attributes:
        path: names the masks in messages, e.g. their folder.
        images: the frames.
        files: their masks; None: the frame is known to hold no gas.
        unpaired: masks that belong to no frame.
        threshold: gas is brighter, of soft masks; None: soft masks are refused.
    """

    path: Path
    images: tuple[Path, ...]
    files: tuple[Path | None, ...]
    unpaired: tuple[Path, ...] = ()
    threshold: int | None = HALF_GREY

    def stored(self) -> tuple[Path, ...]:
        """The masks, with and without a frame."""
        return tuple(file for file in self.files if file is not None) + self.unpaired

    def check(self) -> None:
        """UserError for a frame without a mask and a mask without a frame."""
        for image, file in zip(self.images, self.files, strict=True):
            if file is not None and not file.is_file():
                shown = file.relative_to(self.path.parent) if file.is_relative_to(self.path.parent) else file
                raise UserError(f"{image}: its mask {shown} is missing: add it, or remove the image")
        if self.unpaired:
            raise UserError(
                f"{self.unpaired[0]}: no image of this name: {len(self.images)} images, "
                f"{len(self.images) + len(self.unpaired)} masks: add the image, or remove the mask"
            )

    def __iter__(self) -> Iterator[Mask | None]:
        """Reads the masks; UserError at the first damaged one and at one of another encoding."""
        return (None if file is None else Mask(self.read(file), file) for file in self.files)

    def read(self, file: Path) -> UInt8[np.ndarray, "h w"]:
        """Returns one mask, 1 where there is gas; UserError where it is damaged or its encoding is not the others'."""
        levels, palette = _read_levels(file)
        values = _values(levels)
        if self.encoding is Encoding.INDEX:
            if not palette and IGNORE in values and GAS not in values and not self._ignores:
                raise self._mixed(file, Encoding.BINARY)
            if values - {0, GAS, IGNORE}:
                raise UserError(
                    f"{file}: class {min(values - {0, GAS, IGNORE})}, the classes are 0 (no gas), 1 (gas) and 255 "
                    "(ignore): merge the others"
                )
            return (levels == GAS).astype(np.uint8)
        if palette or (self.encoding is Encoding.BINARY and GAS in values and values <= {0, GAS, IGNORE}):
            raise self._mixed(file, Encoding.INDEX)
        if self.threshold is None and values - {0, 255}:
            raise UserError(
                f"{file}: grey level {min(values - {0, 255})}, masks here hold 0 and 255, or classes 0 and 1: "
                "export the mask without smoothing, as PNG"
            )
        threshold = HALF_GREY if self.threshold is None else self.threshold
        if values != {0} and self._only_level is not None and self._only_level <= threshold:
            raise UserError(
                f"{file}: what is not 0 is {self._only_level} in all masks here, gas is brighter than {threshold}: "
                "export gas as 255, or choose a lower threshold"
            )
        return (levels > threshold).astype(np.uint8)

    @cached_property
    def encoding(self) -> Encoding:
        """What most of the files hold; files that cannot be read do not count.

        Soft masks are hard or faint in places, so that some of 0 and 255, or of 0 and 1, may be among them.
        """
        votes = Counter(map(_vote, self._contents))
        if self.threshold is not None and votes[Encoding.SOFT] >= max(1, votes[Encoding.INDEX]):
            return Encoding.SOFT
        return Encoding.INDEX if votes[Encoding.INDEX] > votes[Encoding.BINARY] else Encoding.BINARY

    def _mixed(self, file: Path, found: Encoding) -> UserError:
        return UserError(
            f"{file}: holds {found.value}, most masks beside it hold {self.encoding.value}: export all in one encoding"
        )

    @cached_property
    def _contents(self) -> list[_Content]:
        contents = (_content(file) for file in self.files if file is not None)
        return [content for content in contents if content is not None]

    @cached_property
    def _ignores(self) -> bool:
        """Whether some mask holds gas and pixels to ignore, so that 0 and 255 may be a mask without gas."""
        return any({GAS, IGNORE} <= values <= {0, GAS, IGNORE} for values, _ in self._contents)

    @cached_property
    def _only_level(self) -> int | None:
        """The one level beside 0 that all masks hold: a class. Soft masks, faint or of noise alone, hold several."""
        levels = set().union(*(values for values, _ in self._contents)) - {0}
        return levels.pop() if len(levels) == 1 else None


@dataclass(frozen=True, kw_only=True)
class MaskOfImage:
    """The mask of a scene of one image.

    Attributes:
        path: the mask.
        image: the frame.
        masks: the masks of the whole dataset, which share one encoding.
    """

    path: Path
    image: Path
    masks: MaskFiles

    def stored(self) -> tuple[Path, ...]:
        """The mask."""
        return (self.path,)

    def check(self) -> None:
        """UserError where the file is missing."""
        if not self.path.is_file():
            raise UserError(f"{self.image}: its mask {self.path} is missing: add it, or remove the image")

    def __iter__(self) -> Iterator[Mask]:
        """Reads the mask; UserError where it is damaged or of another encoding than most masks of the dataset."""
        yield Mask(self.masks.read(self.path), self.path)


@dataclass(frozen=True)
class VideoTruth:
    """The masks of a scene as a video; gas is brighter than `threshold`."""

    path: Path
    threshold: int
    video: Path

    def stored(self) -> tuple[Path, ...]:
        """The video of the masks."""
        return (self.path,)

    def check(self) -> None:
        """UserError where the file is missing."""
        if not self.path.is_file():
            raise UserError(
                f"{self.video}: its truth {self.path.name} is missing: put it beside the video, or remove the video"
            )

    def __iter__(self) -> Iterator[Mask]:
        """Decodes the video; UserError where it is damaged."""
        for frame in decode_colors(self.path):
            yield Mask((luma(frame) > self.threshold).astype(np.uint8), self.path)


def masks_by_name(images: tuple[Path, ...], folder: Path, *, threshold: int | None = HALF_GREY) -> MaskFiles:
    """Returns the masks in `folder`, named like their images or like them with the suffix .png."""
    files = tuple(_named_like(image, folder) for image in images)
    unpaired = tuple(path for path in list_images(folder) if path not in set(files))
    return MaskFiles(path=folder, images=images, files=files, unpaired=unpaired, threshold=threshold)


def _named_like(image: Path, folder: Path) -> Path:
    same = folder / image.name
    return same if same.exists() else folder / f"{image.stem}.png"


def _read_levels(file: Path) -> tuple[UInt8[np.ndarray, "h w"], bool]:
    """Returns the stored levels and whether they are indices into a palette; UserError for colours."""
    header = file.read_bytes()[: _PNG_COLOR + 1]
    png = header.startswith(_PNG)
    if png and header[-1] == _PALETTE:
        return _read_palette_indices(file), True
    image = read_image(file)
    if not (np.array_equal(image, image[..., :1].repeat(3, axis=-1)) if png else is_grey(image)):
        raise UserError(f"{file}: colours, masks are grey or have a palette: export gas as 255 and the rest as 0")
    return luma(image), False


def _read_palette_indices(file: Path) -> UInt8[np.ndarray, "h w"]:
    # OpenCV resolves a palette into colours, and class 0 need not be black.
    try:
        with av.open(str(file), metadata_errors="replace") as container:
            indices, _ = next(container.decode(video=0)).to_ndarray()
    except (av.FFmpegError, StopIteration) as error:
        raise UserError(f"{file}: not a readable image: replace or remove it") from error
    return indices


def _values(levels: UInt8[np.ndarray, "h w"]) -> set[int]:
    return set(np.flatnonzero(cv2.calcHist([levels], [0], None, [256], [0, 256])).tolist())


def _content(file: Path) -> _Content | None:
    try:
        levels, palette = _read_levels(file)
    except (UserError, OSError):
        return None  # named when its scene is read
    return _Content(_values(levels), palette)


def _vote(content: _Content) -> Encoding | None:
    values, palette = content
    if palette:
        return Encoding.INDEX
    if values == {0}:
        return None
    if values <= {0, GAS, IGNORE} and GAS in values:
        return Encoding.INDEX
    return Encoding.BINARY if values <= {0, 255} else Encoding.SOFT
