"""Finds the videos that a path stands for."""

from collections import Counter
from pathlib import Path

from jvlgs_jax.data.images import IMAGE_SUFFIXES
from jvlgs_jax.data.natural_order import natural_key
from jvlgs_jax.data.video import VIDEO_SUFFIXES
from jvlgs_jax.errors import UserError


def find_videos(path: Path) -> dict[str, Path]:
    """Returns the videos at `path`, by name: itself, or those in a folder of videos, in natural order.

    A video is a video file or a folder of images. A name is the file's without its suffix unless two would be alike.
    UserError for a missing path, a folder with neither, and one with images beside videos.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file or folder: check the path")
    if path.is_file():
        return {_name(path): path}
    inside = sorted(path.iterdir(), key=lambda entry: natural_key(entry.name))
    videos = [entry for entry in inside if _has_suffix(entry, VIDEO_SUFFIXES) or _holds_images(entry)]
    if _holds_images(path):
        if videos:
            raise UserError(f"{path}: holds images and videos ({videos[0].name}, ...): give the path of one kind")
        return {_name(path): path}
    if not videos:
        raise UserError(f"{path}: no video in this folder: it should hold video files or images")
    uses = Counter(map(_name, videos))
    return {_name(video) if uses[_name(video)] == 1 else video.name: video for video in videos}


def _name(video: Path) -> str:
    return video.stem if video.is_file() else video.resolve().name


def _holds_images(path: Path) -> bool:
    return path.is_dir() and any(_has_suffix(entry, IMAGE_SUFFIXES) for entry in path.iterdir())


def _has_suffix(path: Path, suffixes: frozenset[str]) -> bool:
    return path.is_file() and path.suffix.lower() in suffixes
