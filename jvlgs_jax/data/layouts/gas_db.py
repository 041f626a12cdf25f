"""The Gas-DB layout: `images/<name>.png` (RGB and thermal in one), `labels/<name>.png`, and lists `{split}.txt`."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.data.images import is_grey
from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.data.layouts.single_images import LabelledImage, scenes_of_one_image
from jvlgs_jax.errors import UserError

SOURCE = "gas_db"
SPLITS = ("train", "val", "test")
RGB_AND_THERMAL = 4


def is_gas_db(root: Path) -> bool:
    """Whether `root` holds labels and at least one split list."""
    return (root / "labels").is_dir() and any((root / f"{split}.txt").is_file() for split in SPLITS)


def find_gas_db(root: Path) -> list[SceneFiles]:
    """Returns the thermal channel of each listed image as a scene of one frame.

    Labels hold classes 0 and 1 (also a palette), or 0 and 255. UserError for a root without lists, an empty list, and
    a name in two lists.
    """
    lists = {split: root / f"{split}.txt" for split in SPLITS if (root / f"{split}.txt").is_file()}
    if not lists:
        raise UserError(f"{root}: no train.txt, val.txt or test.txt: give the folder that holds the split lists")
    listed: dict[str, str] = {}
    for split, path in lists.items():
        names = path.read_text(encoding="utf-8").split()
        if not names:
            raise UserError(f"{path}: no name in this list: write one image name a line, or remove the list")
        for name in names:
            if name in listed:
                raise UserError(f"{path}: {name} is also in {listed[name]}.txt: keep it in one split")
            listed[name] = split
    images = [
        LabelledImage(name, split, root / "images" / f"{name}.png", root / "labels" / f"{name}.png")
        for name, split in listed.items()
    ]
    return scenes_of_one_image(root, images, source=SOURCE, decode=decode_thermal)


def decode_thermal(encoded: bytes, path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the thermal picture: the fourth channel, or the whole image where it is grey already.

    UserError for colours without a fourth channel and for what is no 8-bit image.
    """
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED) if encoded else None
    if image is None or image.dtype != np.uint8:
        raise UserError(f"{path}: not a readable 8-bit image: replace or remove it")
    if image.ndim == 2:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    if image.shape[-1] == RGB_AND_THERMAL:
        return cv2.cvtColor(image[..., 3], cv2.COLOR_GRAY2RGB)
    if not is_grey(image):
        raise UserError(f"{path}: {image.shape[-1]} channels, thermal is the fourth of 4: use the release's images")
    return image
