"""Image files as pictures of 8 or 16 bits."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8, UInt16

from jvlgs_jax.data.hidden import visible
from jvlgs_jax.data.natural_order import natural_key
from jvlgs_jax.errors import UserError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})

CHROMA_NOISE = 12  # grey levels between two colours of one pixel that a codec makes of a grey picture
CHROMA_PROBE_FRAMES = 16  # a recording whose first frames are grey up to this noise is grey

LEVELS_A_DEGREE = 64  # finer than the noise of any camera
COLDEST, HOTTEST = -300.0, 720.0  # degrees that 16 bits hold so, Celsius or kelvin

Picture16 = UInt16[np.ndarray, "h w 3"]
RawPixels = UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w 1"]  # as the camera gave them


def list_images(folder: Path) -> tuple[Path, ...]:
    """Returns the images of `folder` in natural order, but hidden ones; none where there is no such folder.

    UserError for a link to an image that is not there.
    """
    named = [path for path in visible(folder.glob("*")) if path.suffix.lower() in IMAGE_SUFFIXES]
    found = [path for path in named if not path.is_dir()]
    for path in found:
        if not path.exists():
            raise UserError(f"{path}: a link to a file that is not there: mend or remove it")
    return tuple(sorted(found, key=lambda path: natural_key(path.name)))


def read_image(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Returns an 8-bit image in RGB; UserError where it cannot be read or has more bits."""
    image = decode_image(path.read_bytes(), path)
    if image.dtype != np.uint8:
        raise UserError(f"{path}: {image.dtype} pixels, the limit is 8 bits here: export it with 8 bits")
    return image


def decode_image(encoded: bytes, path: Path) -> UInt8[np.ndarray, "h w 3"] | Picture16:
    """Returns the image in a file's content in RGB; numbers with fractions as `temperature_levels`.

    UserError, naming `path`, for what is no image and for whole numbers of other than 8 or 16 bits.
    """
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags) if encoded else None
    if image is None and encoded:  # such as a TIFF of floats with one channel
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise UserError(f"{path}: not a readable image: replace or remove it")
    if image.dtype in (np.float32, np.float64):
        image = temperature_levels(image, path)
    if image.dtype not in (np.uint8, np.uint16):
        raise UserError(f"{path}: {image.dtype} pixels, frames have 8 or 16 bits: convert it to 16-bit PNG")
    return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB)


def temperature_levels(image: Float[np.ndarray, "..."], path: Path) -> UInt16[np.ndarray, "..."]:
    """Returns a radiometric image, of degrees Celsius or kelvin, as 64 levels a degree from -300 on.

    Pixels without a reading (NaN or infinite) get the median of the others. UserError, naming `path`, where there are
    no others, and for numbers from outside of -300 to 720, which are no temperatures.
    """
    read = np.isfinite(image)
    if not read.any():
        raise UserError(f"{path}: no pixel has a finite value: remove it")
    low, high = float(image[read].min()), float(image[read].max())
    if low < COLDEST or high > HOTTEST:
        raise UserError(
            f"{path}: values from {low:g} to {high:g}, temperatures lie from {COLDEST:g} to {HOTTEST:g}: convert it to "
            "16-bit PNG"
        )
    filled = np.where(read, image, np.median(image[read]))
    return np.rint((filled - COLDEST) * LEVELS_A_DEGREE).astype(np.uint16)


def is_grey(image: UInt8[np.ndarray, "h w 3"] | Picture16) -> bool:
    """Whether the three colours of every pixel are equal: of 8 bits up to a codec's noise, of 16 bits exactly."""
    red, green, blue = cv2.split(image)
    noise = CHROMA_NOISE if image.dtype == np.uint8 else 0
    return max(int(cv2.absdiff(red, green).max()), int(cv2.absdiff(green, blue).max())) <= noise


def raw_pixels(image: UInt8[np.ndarray, "h w 3"] | Picture16, path: Path, *, grey: bool) -> RawPixels:
    """Returns the image of the file `path` with one channel where its recording is `grey`, else in RGB.

    Images of 16 bits are levels of a thermal camera and have one channel; UserError where they show colours.
    """
    if image.dtype == np.uint16:
        if not is_grey(image):
            raise UserError(f"{path}: 16-bit colours, frames of 16 bits are grey: export one channel")
        return image[..., :1]
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None] if grey else image


def check_alike(pixels: np.ndarray, first: np.ndarray, path: Path) -> None:
    """UserError where a frame of the recording `path` has another size or depth than its first one."""
    if pixels.shape[:2] != first.shape[:2]:
        raise UserError(
            f"{path}: a frame of {shown_size(pixels)} follows frames of {shown_size(first)}: "
            "convert the video to one size"
        )
    if pixels.dtype != first.dtype:
        raise UserError(
            f"{path}: a frame of {8 * pixels.itemsize} bits follows frames of {8 * first.itemsize} bits: "
            "export the whole scene at one depth"
        )


def shown_size(image: np.ndarray) -> str:
    """Returns width and height as messages give them, "640x480"."""
    return f"{image.shape[1]}x{image.shape[0]}"
