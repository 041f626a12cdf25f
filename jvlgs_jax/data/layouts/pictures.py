"""Where the frames of a scene are: a video file, or image files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.data.images import CHROMA_PROBE_FRAMES, Picture16, decode_image, is_grey, raw_pixels
from jvlgs_jax.data.layouts.scene_files import Picture
from jvlgs_jax.data.video import open_video
from jvlgs_jax.errors import UserError

IMAGES_PER_SECOND = 15.0  # assumed where a layout of image files states no frame rate

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_PNG_DEPTH, _PNG_COLOR = 24, 25  # offsets in the header
_GREY_OR_RGB = (0, 2)

Decode = Callable[[bytes, Path], UInt8[np.ndarray, "h w 3"] | Picture16]


@dataclass(frozen=True)
class VideoPictures:
    """The frames of a video file."""

    path: Path

    def stored(self) -> tuple[Path, ...]:
        """The video."""
        return (self.path,)

    def frames_per_second(self) -> float:
        """As the file states it."""
        return open_video(self.path).frames_per_second

    def check(self) -> None:
        """A damaged file shows when its frames are read."""

    def __iter__(self) -> Iterator[Picture]:
        """Decodes the video; UserError where it is damaged."""
        return (Picture(pixels, None) for pixels in open_video(self.path).raw())


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

    def stored(self) -> tuple[Path, ...]:
        """The images."""
        return self.files

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
        grey = all(is_grey(self.decode(file.read_bytes(), file)) for file in self.files[:CHROMA_PROBE_FRAMES])
        for file in self.files:
            encoded = file.read_bytes()
            pixels = raw_pixels(self.decode(encoded, file), file, grey=grey)
            kept = self.decode is decode_image and _is_plain(encoded)
            yield Picture(pixels, encoded if kept else None)


def _is_plain(encoded: bytes) -> bool:
    """Whether the file is a JPEG, or a grey or RGB PNG of 8 bits: what a record can keep as it is."""
    if encoded.startswith(_PNG):
        return encoded[_PNG_DEPTH] == 8 and encoded[_PNG_COLOR] in _GREY_OR_RGB
    return encoded.startswith(_JPEG)
