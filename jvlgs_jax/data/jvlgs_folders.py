"""The layout of the published program: `<root>/<scene>/images/*.jpg` with `<root>/<scene>/masks/*.png`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.data.natural_order import natural_key
from jvlgs_jax.data.planes import luma
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.data.video import image_files, open_video, read_image
from jvlgs_jax.errors import UserError

DEFAULT_THRESHOLD = 127  # of masks stored as 0 and 255


def is_jvlgs_folders(root: Path) -> bool:
    """Whether `root` holds scene folders with images."""
    return bool(_scene_folders(root))


def load_jvlgs_folders(root: Path, *, threshold: int = DEFAULT_THRESHOLD) -> Iterator[Scene]:
    """Yields the scenes of `root` in natural order; gas is a mask pixel brighter than `threshold`.

    A mask is named like its image, or like it with the suffix .png. The layout states no frame rate: 15 frames per
    second are assumed. Each scene is its own group. UserError for a root without scenes, an image without a mask, and
    a mask that does not fit its image.
    """
    folders = _scene_folders(root)
    if not folders:
        raise UserError(f"{root}: no <scene>/images folder in this folder: give the folder that holds the scenes")
    masks = [[_mask_path(image) for image in image_files(folder / "images")] for folder in folders]
    for folder, paths in zip(folders, masks, strict=True):
        yield _load_scene(folder, paths, threshold)


def _scene_folders(root: Path) -> list[Path]:
    return sorted((path.parent for path in root.glob("*/images")), key=lambda path: natural_key(path.name))


def _mask_path(image: Path) -> Path:
    folder = image.parent.parent / "masks"
    for path in (folder / image.name, folder / f"{image.stem}.png"):
        if path.exists():
            return path
    raise UserError(f"{image}: its mask masks/{image.stem}.png is missing: add it, or remove the image")


def _load_scene(folder: Path, masks: list[Path], threshold: int) -> Scene:
    video = open_video(folder / "images")
    frames = video.read()
    size = frames.shape[1:3]
    truth = np.stack([_read_mask(path, threshold, size) for path in masks])
    return Scene(
        name=folder.name, group=folder.name, frames=frames, truth=truth, frames_per_second=video.frames_per_second
    )


def _read_mask(path: Path, threshold: int, size: tuple[int, int]) -> UInt8[np.ndarray, "h w"]:
    mask = luma(read_image(path))
    if mask.shape != size:
        raise UserError(
            f"{path}: {mask.shape[1]}x{mask.shape[0]} pixels, its image has {size[1]}x{size[0]}: "
            "export both at one size"
        )
    return (mask > threshold).astype(np.uint8)
