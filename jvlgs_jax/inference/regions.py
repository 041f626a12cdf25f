"""Where in the picture to look for gas: polygons in a JSON file, or a mask drawn as an image."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from jvlgs_jax.data.images import IMAGE_SUFFIXES, read_image, shown_size
from jvlgs_jax.errors import UserError

_KEYS = ("include", "exclude")
_WHITE = 127  # grey levels above it are watched: images of masks may have been compressed

_FAR = 1e6  # pixels; NaN and infinity, which JSON's reader takes, are beyond it too

Point = tuple[float, float]
Polygon = tuple[Point, ...]


@runtime_checkable
class Regions(Protocol):
    """The watched part of pictures."""

    def watched(self, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
        """Returns where to look in a picture of `size` (height, width); UserError where the regions do not fit it."""
        ...


def load_regions(path: Path) -> Regions:
    """Returns the regions in a file: a JSON object of polygons, or an image that is white where to look.

    The object has "include", "exclude" or both: lists of polygons, which are lists of at least three corners [x, y], in
    pixels from the centre of the top left one. Watched is what lies in any polygon to include, or everything if there
    is none, but in none to exclude. UserError for anything else.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file: give a JSON file of polygons, or an image that is white where to look")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return MaskRegions(path=path, mask=read_image(path).max(axis=-1))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: neither JSON nor an image ({error}): write {_example()}") from error
    if not isinstance(content, dict) or not content or not set(content) <= set(_KEYS):
        raise UserError(f'{path}: must be an object with "include", "exclude" or both: write {_example()}')
    include, exclude = (_polygons(content.get(key, []), f"{path}: {key}") for key in _KEYS)
    return PolygonRegions(path=path, include=include, exclude=exclude)


@dataclass(frozen=True, kw_only=True)
class PolygonRegions:
    """The inside of some polygons and the outside of others, borders belonging to both kinds.

    Attributes:
        path: where they were read from, for messages.
        include: all of the picture if there are none.
        exclude: these win where both kinds overlap.
    """

    path: Path
    include: tuple[Polygon, ...]
    exclude: tuple[Polygon, ...]

    def watched(self, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
        """Returns where to look; UserError for a corner out of the picture, and where nothing is left to look at."""
        for key, polygons in zip(_KEYS, (self.include, self.exclude), strict=True):
            for number, polygon in enumerate(polygons, start=1):
                for x, y in polygon:
                    if not (0 <= x <= size[1] and 0 <= y <= size[0]):
                        raise UserError(
                            f"{self.path}: {key}: polygon {number}: corner [{x:g}, {y:g}] lies out of the picture of "
                            f"{size[1]}x{size[0]} pixels: move it inside"
                        )
        inside = _filled(size, self.include) if self.include else np.ones(size, bool)
        return _some(inside & ~_filled(size, self.exclude), self.path)


@dataclass(frozen=True, kw_only=True, eq=False)
class MaskRegions:
    """The white parts of an image of the picture's size."""

    path: Path
    mask: UInt8[np.ndarray, "h w"]

    def watched(self, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
        """Returns where to look; UserError for a picture of another size, and for an image that is black all over."""
        if self.mask.shape != size:
            raise UserError(
                f"{self.path}: has {shown_size(self.mask)} pixels, but the video {size[1]}x{size[0]}: draw it on a "
                "frame of the video"
            )
        return _some(self.mask > _WHITE, self.path)


def _example() -> str:
    return '{"exclude": [[[0, 0], [90, 0], [90, 20], [0, 20]]]}'


def _polygons(value: Any, owner: str) -> tuple[Polygon, ...]:
    if not isinstance(value, list):
        raise UserError(f"{owner}: must be a list of polygons: write {_example()}")
    return tuple(_polygon(polygon, f"{owner}: polygon {number}") for number, polygon in enumerate(value, start=1))


def _polygon(value: Any, owner: str) -> Polygon:
    if not isinstance(value, list) or len(value) < 3:
        raise UserError(f"{owner}: must be a list of at least 3 corners [x, y]: write {_example()}")
    return tuple(_point(corner, f"{owner}: corner {number}") for number, corner in enumerate(value, start=1))


def _point(value: Any, owner: str) -> Point:
    good = isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))
    if not good:
        raise UserError(f"{owner} is {json.dumps(value)[:40]}: it must be two numbers, [x, y]")
    return float(value[0]), float(value[1])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -_FAR < value < _FAR


def _filled(size: tuple[int, int], polygons: tuple[Polygon, ...]) -> Bool[np.ndarray, "h w"]:
    canvas = np.zeros(size, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(canvas, [np.rint(polygon).astype(np.int32)], 1)
    return canvas > 0


def _some(watched: Bool[np.ndarray, "h w"], path: Path) -> Bool[np.ndarray, "h w"]:
    if not watched.any():
        raise UserError(f"{path}: leaves nothing to look at: include more, or exclude less")
    return watched
