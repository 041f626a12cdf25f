"""Weights and inputs that both sides of a parity check can make: pure functions of (seed, name, shape)."""

import zlib
from collections.abc import Mapping, Sequence

import numpy as np


def make_tensor(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """The tensor that belongs to a PyTorch parameter or buffer name; independent of every other name."""
    rng = np.random.Generator(np.random.Philox(key=[zlib.crc32(name.encode()), seed]))
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return np.array(7, np.int64)
    noise = rng.standard_normal(shape, dtype=np.float32)
    if leaf == "running_mean":
        return (0.1 * noise).astype(np.float32)
    if leaf == "running_var":
        return rng.uniform(0.6, 1.4, shape).astype(np.float32)
    if len(shape) >= 2 and "embedding" in name:
        return (0.05 * noise).astype(np.float32)
    if len(shape) >= 2:  # (out, in, *kernel)
        return (noise / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
    if leaf == "bias":
        return (0.05 * noise).astype(np.float32)
    return (1.0 + 0.1 * noise).astype(np.float32)  # scales of normalisations


def make_state_dict(shapes: Mapping[str, Sequence[int]], seed: int) -> dict[str, np.ndarray]:
    """A published state dict with stand-in values."""
    return {name: make_tensor(name, tuple(shape), seed) for name, shape in shapes.items()}


def make_clip(seed: int, batch: int, size: int, frames: int = 3) -> np.ndarray:
    """Smooth normalised clips, float32 (batch, frames, size, size, 3)."""
    rng = np.random.Generator(np.random.Philox(key=[1234567, seed]))
    coarse = rng.standard_normal((frames, batch, 3, size // 8, size // 8), dtype=np.float32)
    fine = np.repeat(np.repeat(coarse, 8, axis=-1), 8, axis=-2)
    clip = (fine + 0.1 * rng.standard_normal(fine.shape, dtype=np.float32)).astype(np.float32)
    return clip.transpose(1, 0, 3, 4, 2)


def make_mask(seed: int, batch: int, size: int) -> np.ndarray:
    """Binary ellipses, float32 (batch, 1 window, size, size, 1); the last is empty (leak-free) if batch > 1."""
    rng = np.random.Generator(np.random.Philox(key=[7654321, seed]))
    yy, xx = np.mgrid[:size, :size]
    masks = []
    for i in range(batch):
        cy, cx = rng.uniform(0.3, 0.7, 2) * size
        ry, rx = rng.uniform(0.1, 0.25, 2) * size
        inside = ((yy - cy) / ry) ** 2 + ((xx - cx) / rx) ** 2 <= 1
        masks.append(np.zeros_like(inside) if batch > 1 and i == batch - 1 else inside)
    return np.stack(masks)[:, None, ..., None].astype(np.float32)
