"""Pictures to another size."""

import cv2
import numpy as np
from jaxtyping import Float32


def resize(image: Float32[np.ndarray, "h w c"], size: tuple[int, int]) -> Float32[np.ndarray, "h2 w2 c"]:
    """Returns `image` in `size` (height, width): area means when shrinking, linear interpolation when enlarging.

    A 0/1 mask becomes soft at its edges, with values in [0, 1].
    """
    height, width, channels = image.shape
    if (height, width) == size:
        return image
    shrinks = size[0] <= height and size[1] <= width
    resized = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return resized.reshape(*size, channels)
