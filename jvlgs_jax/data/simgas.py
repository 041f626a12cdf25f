"""The SimGas layout: `simgasvid<ID>.mp4` with its soft truth `smoke_only<ID>.mp4` in one folder."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.data.natural_order import natural_key
from jvlgs_jax.data.planes import luma
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.data.video import open_video
from jvlgs_jax.errors import UserError

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


def load_simgas(root: Path, *, threshold: int = DEFAULT_THRESHOLD) -> Iterator[Scene]:
    """Yields the scenes of a SimGas folder in natural order; gas is truth brighter than `threshold`.

    Videos of one background footage share a group: "group_1", "group_3" or "group_15"; the others are their own.
    UserError for a folder without videos, a missing truth, and a truth that does not fit its video.
    """
    videos = sorted(root.glob(f"{VIDEO_PREFIX}*.mp4"), key=lambda path: natural_key(path.stem))
    if not videos:
        raise UserError(f"{root}: no {VIDEO_PREFIX}<ID>.mp4 in this folder: give the folder that holds the videos")
    names = [path.stem.removeprefix(VIDEO_PREFIX) for path in videos]
    truths = [root / f"{TRUTH_PREFIX}{name}.mp4" for name in names]
    for video, truth in zip(videos, truths, strict=True):
        if not truth.exists():
            raise UserError(f"{video}: its truth {truth.name} is missing: put it beside the video, or remove the video")
    for name, video, truth in zip(names, videos, truths, strict=True):
        yield _load_scene(name, video, truth, threshold)


def _load_scene(name: str, video_path: Path, truth_path: Path, threshold: int) -> Scene:
    video = open_video(video_path)
    frames = video.read()
    truth = _read_truth(truth_path, threshold)
    if len(frames) != len(truth):
        raise UserError(f"{truth_path}: {len(truth)} frames, its video has {len(frames)}: export both at one length")
    (height, width), (truth_height, truth_width) = frames.shape[1:3], truth.shape[1:]
    if (height, width) != (truth_height, truth_width):
        raise UserError(
            f"{truth_path}: {truth_width}x{truth_height} pixels, its video has {width}x{height}: use one size"
        )
    return Scene(
        name=name,
        group=_GROUPS.get(name, name),
        frames=frames,
        truth=truth,
        frames_per_second=video.frames_per_second,
    )


def _read_truth(path: Path, threshold: int) -> UInt8[np.ndarray, "n h w"]:
    return np.stack([(luma(frame) > threshold).astype(np.uint8) for frame in open_video(path)])
