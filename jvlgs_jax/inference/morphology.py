"""Opening with OpenCV's ellipse, the same in every OpenCV version."""

import cv2
import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.errors import UserError


def ellipse(size: int) -> UInt8[np.ndarray, "{size} {size}"]:
    """Returns OpenCV's elliptic structuring element of `size` x `size`: 57 ones for 9.

    Built here because the element decides masks to the pixel, and OpenCV may draw it differently one day.
    """
    radius = size // 2
    offset = np.arange(size) - radius
    reach = np.rint(np.sqrt(radius**2 - offset**2))
    return (np.abs(offset) <= reach[:, None]).astype(np.uint8)


def check_kernel(size: int) -> None:
    """Raises UserError for a structuring element without pixels."""
    if size < 1:
        raise UserError(f"kernel is {size} pixels wide, the least is 1 (no opening): give a larger one")


def opening(mask: UInt8[np.ndarray, "h w"], size: int) -> UInt8[np.ndarray, "h w"]:
    """Returns the 0/1 `mask` without the parts that the ellipse of `size` does not fit into; 1 changes nothing.

    Pixels outside the image neither erode nor dilate it.
    """
    return cv2.morphologyEx(mask, cv2.MORPH_OPEN, ellipse(size))
