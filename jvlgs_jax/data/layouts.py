"""Labelled datasets on disk, whatever their layout."""

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jvlgs_jax.data import jvlgs_folders, simgas
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.errors import UserError


@dataclass(frozen=True, kw_only=True)
class _Layout:
    recognises: Callable[[Path], bool]
    load: Callable[..., Iterator[Scene]]
    threshold: int
    looks_like: str


_LAYOUTS = {
    "simgas": _Layout(
        recognises=simgas.is_simgas,
        load=simgas.load_simgas,
        threshold=simgas.DEFAULT_THRESHOLD,
        looks_like="simgasvid<ID>.mp4 with smoke_only<ID>.mp4",
    ),
    "jvlgs": _Layout(
        recognises=jvlgs_folders.is_jvlgs_folders,
        load=jvlgs_folders.load_jvlgs_folders,
        threshold=jvlgs_folders.DEFAULT_THRESHOLD,
        looks_like="<scene>/images/*.jpg with <scene>/masks/*.png",
    ),
}


def load_scenes(root: Path, layout: str = "auto", *, threshold: int | None = None) -> list[Scene]:
    """Returns the labelled scenes of the dataset in `root`, in natural order.

    Args:
        root: the dataset's folder.
        layout: "simgas", "jvlgs", or "auto" to recognise which.
        threshold: grey level (0 to 254) of the stored truth above which a pixel is gas; None is the layout's own
            (simgas 20, jvlgs 127).

    UserError for a missing folder, an unknown or unrecognised layout, and damaged or incomplete scenes.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder: give the folder that holds the dataset")
    if threshold is not None and not 0 <= threshold < 255:
        raise UserError(f"threshold is {threshold}, it must lie between 0 and 254: the truth has 8 bits")
    chosen = _LAYOUTS[_recognise(root) if layout == "auto" else _known(layout)]
    return list(chosen.load(root, threshold=chosen.threshold if threshold is None else threshold))


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
