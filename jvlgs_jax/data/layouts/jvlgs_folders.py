"""The layout of the published program: `<root>/<scene>/images/*.jpg` with `<root>/<scene>/masks/*.png`."""

from collections.abc import Callable
from pathlib import Path

from jvlgs_jax.data.hidden import visible
from jvlgs_jax.data.images import list_images
from jvlgs_jax.data.layouts.masks import HALF_GREY, masks_by_name
from jvlgs_jax.data.layouts.pictures import ImagePictures
from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.data.natural_order import natural_key
from jvlgs_jax.errors import UserError

SOURCE = "jvlgs"
DEFAULT_THRESHOLD = HALF_GREY  # of masks stored as 0 and 255


def is_jvlgs_folders(root: Path) -> bool:
    """Whether `root` holds scene folders with images."""
    return bool(scene_folders(root))


def find_jvlgs_folders(root: Path, *, threshold: int = DEFAULT_THRESHOLD) -> list[SceneFiles]:
    """Returns the scenes of `root` in natural order; gas is a mask pixel brighter than `threshold`, or class 1.

    A mask is named like its image, or like it with the suffix .png. The layout states no frame rate: 15 frames per
    second are assumed. Each scene is its own group. UserError for a root without scenes.
    """
    scenes = scenes_in(root, source=SOURCE, threshold=threshold)
    if not scenes:
        raise UserError(f"{root}: no <scene>/images folder in this folder: give the folder that holds the scenes")
    return scenes


def scenes_in(
    root: Path,
    *,
    source: str,
    threshold: int,
    split: str | None = None,
    group: Callable[[str], str] = lambda name: name,
) -> list[SceneFiles]:
    """Returns the scenes whose `images` and `masks` folders lie in `root`, in natural order.

    `group` gives the group from the folder's name. Within a split, a scene's name is "<split>/<folder>".
    """
    return [
        SceneFiles(
            name=folder.name if split is None else f"{split}/{folder.name}",
            group=group(folder.name),
            source=source,
            split=split,
            pictures=ImagePictures(path=folder / "images", files=(files := list_images(folder / "images"))),
            truth=masks_by_name(files, folder / "masks", threshold=threshold),
        )
        for folder in scene_folders(root)
    ]


def scene_folders(root: Path) -> list[Path]:
    """Returns the folders in `root` that have an `images` folder, in natural order."""
    return sorted(visible(path.parent for path in root.glob("*/images")), key=lambda path: natural_key(path.name))
