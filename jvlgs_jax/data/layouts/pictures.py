"""Where the frames of a scene are: a video file, or image files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8, UInt16

from jvlgs_jax.data.layouts.scene_files import Picture
from jvlgs_jax.data.natural_order import natural_key
from jvlgs_jax.data.video import CHROMA_PROBE_FRAMES, IMAGE_SUFFIXES, decode_image, is_grey, open_video
from jvlgs_jax.errors import UserError

IMAGES_PER_SECOND = 15.0  # assumed where a layout of image files states no frame rate

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_PNG_DEPTH, _PNG_COLOR = 24, 25  # offsets in the header
_GREY_OR_RGB = (0, 2)

Decode = Callable[[bytes, Path], UInt8[np.ndarray, "h w 3"] | UInt16[np.ndarray, "h w 3"]]


@dataclass(frozen=True)
class VideoPictures:
    """The frames of a video file."""

    path: Path

    def frames_per_second(self) -> float:
        """As the file states it."""
        return open_video(self.path).frames_per_second

    def check(self) -> None:
        """A damaged file shows when its frames are read."""

    def __iter__(self) -> Iterator[Picture]:
        """Decodes the video; UserError where it is damaged."""
        return (Picture(frame, None) for frame in open_video(self.path))


@dataclass(frozen=True, kw_only=True)
class ImagePictures:
    """The frames of a scene as image files.

    Attributes:
        path: names the scene in messages, e.g. its folder.
        files: one a frame, in order.
        decode: from a file's content to its picture; the default is the picture that the file shows.
    """

    path: Path
    files: tuple[Path, ...]
    decode: Decode = decode_image

    def frames_per_second(self) -> float:
        """Assumed: image files state none."""
        return IMAGES_PER_SECOND

    def check(self) -> None:
        """UserError where there is no image or one is missing."""
        if not self.files:
            raise UserError(f"{self.path}: no image in this folder: add the scene's frames, or remove it")
        for file in self.files:
            if not file.is_file():
                raise UserError(f"{file}: no such image: add it, or remove its scene")

    def __iter__(self) -> Iterator[Picture]:
        """Reads the images; grey ones, and those grey up to a codec's noise, have one channel."""
        grey = all(_shows_grey(self.decode(file.read_bytes(), file)) for file in self.files[:CHROMA_PROBE_FRAMES])
        for file in self.files:
            encoded = file.read_bytes()
            pixels = self.decode(encoded, file)
            if pixels.dtype == np.uint16 and not _shows_grey(pixels):
                raise UserError(f"{file}: 16-bit colours, frames of 16 bits are grey: export one channel")
            if grey or pixels.dtype == np.uint16:
                pixels = (cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.dtype == np.uint8 else pixels[..., 0])[
                    ..., None
                ]
            kept = self.decode is decode_image and _is_plain(encoded)
            yield Picture(pixels, encoded if kept else None)


def list_images(folder: Path) -> tuple[Path, ...]:
    """Returns the images of `folder` in natural order; none where there is no such folder."""
    found = [path for path in folder.glob("*") if path.suffix.lower() in IMAGE_SUFFIXES]
    return tuple(sorted(found, key=lambda path: natural_key(path.name)))


def _shows_grey(image: UInt8[np.ndarray, "h w 3"] | UInt16[np.ndarray, "h w 3"]) -> bool:
    if image.dtype == np.uint8:
        return is_grey(image)
    return bool((image[..., 0] == image[..., 1]).all() and (image[..., 1] == image[..., 2]).all())


def _is_plain(encoded: bytes) -> bool:
    """Whether the file is a JPEG, or a grey or RGB PNG of 8 bits: what a record can keep as it is."""
    if encoded.startswith(_PNG):
        return encoded[_PNG_DEPTH] == 8 and encoded[_PNG_COLOR] in _GREY_OR_RGB
    return encoded.startswith(_JPEG)
