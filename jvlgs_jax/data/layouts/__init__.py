"""Gas-leak datasets as they lie on disk, one file a layout."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jvlgs_jax.data.layouts import cgd, gas_db, gas_folder, gasvid, igs, igs_few, jvlgs_folders, simgas
from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.errors import UserError


@dataclass(frozen=True, kw_only=True)
class _Layout:
    recognises: Callable[[Path], bool]
    find: Callable[..., list[SceneFiles]]
    threshold: int | None  # None: its masks are binary
    looks_like: str


# In the order in which they are recognised: the particular before the general.
_LAYOUTS = {
    "simgas": _Layout(
        recognises=simgas.is_simgas,
        find=simgas.find_simgas,
        threshold=simgas.DEFAULT_THRESHOLD,
        looks_like="simgasvid<ID>.mp4 with smoke_only<ID>.mp4",
    ),
    "igs": _Layout(
        recognises=igs.is_igs, find=igs.find_igs, threshold=None, looks_like="img_dir/train/*.png with ann_dir/train"
    ),
    "cgd": _Layout(
        recognises=cgd.is_cgd,
        find=cgd.find_cgd,
        threshold=cgd.DEFAULT_THRESHOLD,
        looks_like="images/<id>/{bg,gas}.png with labels/<id>/gt.png",
    ),
    "gas_db": _Layout(
        recognises=gas_db.is_gas_db,
        find=gas_db.find_gas_db,
        threshold=None,
        looks_like="train.txt with images/*.png and labels/*.png",
    ),
    "gasvid": _Layout(
        recognises=gasvid.is_gasvid, find=gasvid.find_gasvid, threshold=None, looks_like="MOV_*.mp4 or MOV_*/*.png"
    ),
    "gasvid_fgstp": _Layout(
        recognises=lambda root: any(gasvid.is_gasvid(root / split) for split in igs_few.SPLITS),
        find=gasvid.find_gasvid_fgstp,
        threshold=gasvid.DEFAULT_THRESHOLD,
        looks_like="train/MOV_*/images with train/MOV_*/masks",
    ),
    "igs_few": _Layout(
        recognises=igs_few.is_igs_few,
        find=igs_few.find_igs_few,
        threshold=igs_few.DEFAULT_THRESHOLD,
        looks_like="train/<scene>/images with train/<scene>/masks",
    ),
    "jvlgs": _Layout(
        recognises=jvlgs_folders.is_jvlgs_folders,
        find=jvlgs_folders.find_jvlgs_folders,
        threshold=jvlgs_folders.DEFAULT_THRESHOLD,
        looks_like="<scene>/images/*.jpg with <scene>/masks/*.png",
    ),
    "gas_folder": _Layout(
        recognises=gas_folder.is_gas_folder,
        find=gas_folder.find_gas_folder,
        threshold=gas_folder.DEFAULT_THRESHOLD,
        looks_like="videos or folders of frames, with masks/<scene> or without",
    ),
}


def find_scenes(root: Path, layout: str = "auto", *, threshold: int | None = None) -> list[SceneFiles]:
    """Returns the scenes of the dataset in `root`, in natural order, without reading their frames.

    Args:
        root: the dataset's folder.
        layout: "simgas", "igs", "cgd", "gas_db", "gasvid", "gasvid_fgstp", "igs_few", "jvlgs", "gas_folder", or
            "auto" to recognise which.
        threshold: grey level (0 to 254) of the stored truth above which a pixel is gas; None is the layout's own
            (simgas 20, cgd 128, the others 127). The masks of igs and gas_db are binary and take none.

    UserError for a missing folder, an unknown or unrecognised layout, and a folder without a scene. Damaged and
    incomplete scenes raise it when they are checked or read.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder: give the folder that holds the dataset")
    if threshold is not None and not 0 <= threshold < 255:
        raise UserError(f"threshold is {threshold}, it must lie between 0 and 254: the truth has 8 bits")
    name = _recognise(root) if layout == "auto" else _known(layout)
    chosen = _LAYOUTS[name]
    if chosen.threshold is None:
        if threshold is not None:
            raise UserError(f"threshold is {threshold}, but layout {name} has no grey masks: leave it out")
        return chosen.find(root)
    return chosen.find(root, threshold=chosen.threshold if threshold is None else threshold)


def load_scenes(root: Path, layout: str = "auto", *, threshold: int | None = None) -> list[Scene]:
    """Returns the scenes of the dataset in `root`, in memory; see `find_scenes` for the arguments.

    UserError also for damaged and incomplete scenes; all scenes are checked for missing files before the first is read.
    """
    scenes = find_scenes(root, layout, threshold=threshold)
    for scene in scenes:
        scene.check()
    return [scene.load() for scene in scenes]


def _recognise(root: Path) -> str:
    for name, layout in _LAYOUTS.items():
        if layout.recognises(root):
            return name
    wanted = ", or ".join(f"{layout.looks_like} ({name})" for name, layout in _LAYOUTS.items())
    raise UserError(f"{root}: no known dataset layout: the folder should hold {wanted}")


def _known(layout: str) -> str:
    if layout not in _LAYOUTS:
        guess = difflib.get_close_matches(layout, _LAYOUTS, n=1)
        hint = f"did you mean {guess[0]!r}?" if guess else "use auto"
        raise UserError(f"unknown layout {layout!r}: the choices are auto, {', '.join(_LAYOUTS)}; {hint}")
    return layout
