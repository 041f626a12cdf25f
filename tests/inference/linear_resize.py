"""Linear resizing from its definition: each new pixel is a mean under a triangle, as wide as the larger pixel is."""

import numpy as np


def linear_resize(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes "... h w c" to (height, width), with half-pixel centres."""
    rows, columns = (_weights(old, new) for old, new in zip(x.shape[-3:-1], size, strict=True))
    return np.einsum("Hh,Ww,...hwc->...HWc", rows, columns, x).astype(np.float32)


def _weights(old: int, new: int) -> np.ndarray:
    scale = old / new
    centres = (np.arange(new) + 0.5) * scale - 0.5
    weights = np.maximum(1 - np.abs(np.arange(old) - centres[:, None]) / max(scale, 1.0), 0)
    return weights / weights.sum(1, keepdims=True)
