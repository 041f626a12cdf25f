"""Datasets of single images, each a scene of one frame."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jvlgs_jax.data.images import decode_image
from jvlgs_jax.data.layouts.masks import MaskFiles, MaskOfImage
from jvlgs_jax.data.layouts.pictures import Decode, ImagePictures
from jvlgs_jax.data.layouts.scene_files import SceneFiles


class LabelledImage(NamedTuple):
    """An image and its mask, as they should be on disk."""

    name: str
    split: str
    image: Path
    mask: Path


def scenes_of_one_image(
    root: Path, images: Sequence[LabelledImage], *, source: str, decode: Decode = decode_image
) -> list[SceneFiles]:
    """Returns a scene for each image; masks hold 0 and 255, or classes, all alike in the dataset.

    Nothing says which images show one place, so all images of a split are one group, "<source>_<split>": no random
    split can then put two frames of one recording on both sides.
    """
    masks = MaskFiles(
        path=root, images=tuple(i.image for i in images), files=tuple(i.mask for i in images), threshold=None
    )
    return [
        SceneFiles(
            name=f"{image.split}/{image.name}",
            group=f"{source}_{image.split}",
            source=source,
            split=image.split,
            pictures=ImagePictures(path=image.image, files=(image.image,), decode=decode),
            truth=MaskOfImage(path=image.mask, image=image.image, masks=masks),
        )
        for image in images
    ]
