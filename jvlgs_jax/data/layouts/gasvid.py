"""The GasVid layouts: recordings `MOV_*` as videos or folders of frames, and FGSTP's labelled part of them."""

import re
from dataclasses import replace
from pathlib import Path

from jvlgs_jax.data.layouts.gas_folder import find_gas_folder
from jvlgs_jax.data.layouts.igs_few import find_igs_few
from jvlgs_jax.data.layouts.masks import HALF_GREY
from jvlgs_jax.data.layouts.scene_files import SceneFiles

SOURCE = "gasvid"
DEFAULT_THRESHOLD = HALF_GREY


def is_gasvid(root: Path) -> bool:
    """Whether `root` holds recordings called `MOV_*`."""
    return any(root.glob("MOV_*"))


def find_gasvid(root: Path) -> list[SceneFiles]:
    """Returns the recordings `<MOV>.mp4` or `<MOV>/frame_*.png`, whose truth is not known; each is its own group."""
    return find_gas_folder(root, source=SOURCE)


def find_gasvid_fgstp(root: Path, *, threshold: int = DEFAULT_THRESHOLD) -> list[SceneFiles]:
    """Returns the scenes that FGSTP labelled, `{train,val,test}/<scene>/{images,masks}`.

    Groups are the names of the recordings, "MOV_<number>", where the scenes' names hold one: parts of a recording,
    and the recording itself in `find_gasvid`, share a group.
    """
    return [_regrouped(scene) for scene in find_igs_few(root, threshold=threshold, source=SOURCE)]


def _regrouped(scene: SceneFiles) -> SceneFiles:
    recording = re.search(r"MOV_\d+", scene.name)
    return scene if recording is None else replace(scene, group=recording.group())
