"""The CGD layout: `images/<id>/{bg,gas}.png` with `labels/<id>/gt.png`: a place without gas, then with it."""

import hashlib
from pathlib import Path

from jvlgs_jax.data.hidden import visible
from jvlgs_jax.data.layouts.masks import MaskFiles
from jvlgs_jax.data.layouts.pictures import ImagePictures
from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.data.natural_order import natural_key
from jvlgs_jax.errors import UserError

SOURCE = "cgd"
DEFAULT_THRESHOLD = 128


def is_cgd(root: Path) -> bool:
    """Whether `root` holds pairs of images."""
    return any(visible(path.parent for path in root.glob("images/*/gas.png")))


def find_cgd(root: Path, *, threshold: int = DEFAULT_THRESHOLD) -> list[SceneFiles]:
    """Returns each pair as a scene of two frames: the background, free of gas, and the gas brighter than `threshold`.

    Planes that subtract the past then see what the dataset is about. Scenes with the same background file share a
    group. UserError for a root without pairs.
    """
    entries = visible((root / "images").glob("*"))
    folders = sorted((path for path in entries if path.is_dir()), key=lambda path: natural_key(path.name))
    if not folders:
        raise UserError(f"{root}: no images/<id> folder: give the folder that holds images/ and labels/")
    return [_scene(root, folder, threshold) for folder in folders]


def _scene(root: Path, folder: Path, threshold: int) -> SceneFiles:
    files = (folder / "bg.png", folder / "gas.png")
    truth = root / "labels" / folder.name / "gt.png"
    return SceneFiles(
        name=folder.name,
        group=_group(files[0]),
        source=SOURCE,
        split=None,
        pictures=ImagePictures(path=folder, files=files),
        truth=MaskFiles(path=truth.parent, images=files, files=(None, truth), threshold=threshold),
    )


def _group(background: Path) -> str:
    if not background.is_file():
        return background.parent.name
    return f"background_{hashlib.sha256(background.read_bytes()).hexdigest()[:12]}"
