"""The IGS layout: `gasmmsegdata/img_dir/{train,val}/*.png` with `gasmmsegdata/ann_dir/{train,val}/*.png`."""

from pathlib import Path

from jvlgs_jax.data.images import list_images
from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.data.layouts.single_images import LabelledImage, scenes_of_one_image
from jvlgs_jax.data.natural_order import natural_key
from jvlgs_jax.errors import UserError

SOURCE = "igs"
SPLITS = ("train", "val", "test")
IMAGES, MASKS = "img_dir", "ann_dir"


def is_igs(root: Path) -> bool:
    """Whether `root`, or `gasmmsegdata` in it, holds the folders of IGS."""
    return (_top(root) / IMAGES).is_dir()


def find_igs(root: Path) -> list[SceneFiles]:
    """Returns each image of every split as a scene of one frame; masks hold 0 and 255, or classes (also a palette).

    UserError where no split holds an image.
    """
    top = _top(root)
    found = [image for split in SPLITS for image in _images(top, split)]
    if not found:
        raise UserError(f"{root}: no image in {IMAGES}/train or {IMAGES}/val: give the folder gasmmsegdata")
    return scenes_of_one_image(top, found, source=SOURCE)


def _images(top: Path, split: str) -> list[LabelledImage]:
    images = {path.stem: path for path in list_images(top / IMAGES / split)}
    masks = {path.stem: path for path in list_images(top / MASKS / split)}
    return [  # also of masks without an image, whose scene then says so
        LabelledImage(
            name,
            split,
            images.get(name, top / IMAGES / split / f"{name}.png"),
            masks.get(name, top / MASKS / split / f"{name}.png"),
        )
        for name in sorted(images | masks, key=natural_key)
    ]


def _top(root: Path) -> Path:
    inner = root / "gasmmsegdata"
    return inner if inner.is_dir() else root
