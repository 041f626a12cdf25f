"""The IGS-Few layout: `<root>/{train,val}/<scene>/{images,masks}`, as the published program reads it."""

from pathlib import Path

from jvlgs_jax.data.layouts.jvlgs_folders import scene_folders, scenes_in
from jvlgs_jax.data.layouts.masks import HALF_GREY
from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.errors import UserError

SOURCE = "igs_few"
SPLITS = ("train", "val", "test")
DEFAULT_THRESHOLD = HALF_GREY


def is_igs_few(root: Path) -> bool:
    """Whether `root` holds split folders with scenes."""
    return any(scene_folders(root / split) for split in SPLITS)


def find_igs_few(root: Path, *, threshold: int = DEFAULT_THRESHOLD, source: str = SOURCE) -> list[SceneFiles]:
    """Returns the scenes of every split ("train", "val", "test"); gas is brighter than `threshold`, or class 1.

    A scene is named "<split>/<folder>" and its folder's name is its group, so that a scene divided between splits
    stays one group. UserError where no split holds a scene.
    """
    scenes = [
        scene for split in SPLITS for scene in scenes_in(root / split, source=source, threshold=threshold, split=split)
    ]
    if not scenes:
        raise UserError(f"{root}: no train/<scene>/images folder: give the folder that holds train/ and val/")
    return scenes
