"""The SimGas layout: `simgasvid<ID>.mp4` with its soft truth `smoke_only<ID>.mp4` in one folder.

SimGas also goes round in the layout of the published program, `<ID>/images` and `<ID>/masks`, which is read too.
"""

import re
from pathlib import Path

from jvlgs_jax.data.layouts.jvlgs_folders import scene_folders, scenes_in
from jvlgs_jax.data.layouts.masks import VideoTruth
from jvlgs_jax.data.layouts.pictures import VideoPictures
from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.data.natural_order import natural_key
from jvlgs_jax.errors import UserError

SOURCE = "simgas"
VIDEO_PREFIX, TRUTH_PREFIX = "simgasvid", "smoke_only"

# The composited smoke ends in codec noise: LangGas calls gas what is brighter than this grey level.
DEFAULT_THRESHOLD = 20

# Videos made on one background footage, seen by eye in the release.
_SHARED_BACKGROUNDS = {
    "group_1": ("1", "2", "2_human", "17"),
    "group_3": ("3", "3_bats", "4", "5", "8"),
    "group_15": ("15", "15_crowd"),
}
_GROUPS = {name: group for group, names in _SHARED_BACKGROUNDS.items() for name in names}


def is_simgas(root: Path) -> bool:
    """Whether `root` holds SimGas videos."""
    return any(root.glob(f"{VIDEO_PREFIX}*.mp4"))


def find_simgas(root: Path, *, threshold: int = DEFAULT_THRESHOLD) -> list[SceneFiles]:
    """Returns the scenes of a SimGas folder in natural order; gas is truth brighter than `threshold`.

    Videos of one background footage share a group: "group_1", "group_3" or "group_15"; the others are their own.
    UserError for a folder without videos.
    """
    videos = sorted(root.glob(f"{VIDEO_PREFIX}*.mp4"), key=lambda path: natural_key(path.stem))
    if not videos and scene_folders(root):
        return scenes_in(root, source=SOURCE, group=lambda name: _group(_id(name)), threshold=threshold)
    if not videos:
        raise UserError(f"{root}: no {VIDEO_PREFIX}<ID>.mp4 in this folder: give the folder that holds the videos")
    return [_scene(video, threshold) for video in videos]


def _scene(video: Path, threshold: int) -> SceneFiles:
    name = _id(video.stem)
    return SceneFiles(
        name=name,
        group=_group(name),
        source=SOURCE,
        split=None,
        pictures=VideoPictures(video),
        truth=VideoTruth(video.with_name(f"{TRUTH_PREFIX}{name}.mp4"), threshold, video),
    )


def _id(stem: str) -> str:
    return re.sub(rf"^({VIDEO_PREFIX}|vid)(?=\w)", "", stem)


def _group(name: str) -> str:
    return _GROUPS.get(name, name)
