"""Finds the videos that a path stands for."""

import os
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from jvlgs_jax.data.hidden import is_hidden, visible
from jvlgs_jax.data.images import IMAGE_SUFFIXES
from jvlgs_jax.data.natural_order import natural_key
from jvlgs_jax.data.video import VIDEO_SUFFIXES
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.output_folder import MASKS, OVERLAY, TABLE, UNFINISHED

LIST_SUFFIX = ".txt"
_PATTERN = frozenset("*?[")


def find_videos(path: Path) -> dict[str, Path]:
    """Returns the videos at `path`, by name, in natural order; those of a list in its order.

    `path` is a video, a folder of videos, a pattern such as `site/**/*.mp4` (* and ? stand for any characters, ** for
    folders), or a list: a .txt file with the path of a video a line, relative to its own folder; lines that begin with
    # say nothing. A video is a video file or a folder of images. Its name is the file's without its suffix; what two
    would share is told apart by the suffix or by the folders that hold them. What a prediction wrote, or had begun to
    write, and what is hidden, is a video only where `path` or a list names it.

    UserError for a missing path, a folder or pattern without videos, a folder with images beside videos, and a line
    of a list that is not there, by its number.
    """
    if path.is_file():
        return _named(_listed(path)) if path.suffix.lower() == LIST_SUFFIX else {_name(path): path}
    if path.is_dir():
        return _named(_inside(path))
    if not _PATTERN.isdisjoint(str(path)):
        return _named(_matching(path))
    raise UserError(f"{path}: no such file or folder: check the path")


def _inside(folder: Path) -> list[Path]:
    entries = sorted(visible(folder.iterdir()), key=lambda entry: natural_key(entry.name))
    videos = [entry for entry in entries if _is_video(entry)]
    if _holds_images(folder):
        if videos:
            raise UserError(f"{folder}: holds images and videos ({videos[0].name}, ...): give the path of one kind")
        return [folder]
    if not videos:
        raise UserError(f"{folder}: no video in this folder: it should hold video files or images")
    return videos


def _matching(pattern: Path) -> list[Path]:
    root = Path(pattern.anchor)
    try:
        found = [path for path in root.glob(str(pattern.relative_to(root))) if not _is_hidden_to(pattern, path)]
    except ValueError as error:  # such as a** before Python 3.13
        raise UserError(f"{pattern}: no pattern of files ({error}): write ** as a folder of its own") from error
    matches = sorted(found, key=lambda path: natural_key(str(path)))
    videos = [match for match in matches if _is_video(match)]
    if not videos:
        reason = "nothing matches" if not matches else f"{matches[0]} is no video file and no folder of images"
        raise UserError(f"{pattern}: no video ({reason}): check the pattern, and put it in quotes")
    return videos


def _is_hidden_to(pattern: Path, match: Path) -> bool:
    """Whether the match, or a folder above it, is hidden and met by no part of the pattern that begins with a dot."""
    named = [part for part in pattern.parts if is_hidden(part)]
    return any(is_hidden(part) and not any(fnmatchcase(part, of) for of in named) for part in match.parts)


def _listed(file: Path) -> list[Path]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: no list of videos ({error}): it should hold one path a line, in UTF-8") from error
    videos = []
    for number, line in enumerate(map(str.strip, lines), start=1):
        if line and not line.startswith("#"):
            video = file.parent / line
            try:
                there = video.is_file() or _holds_images(video)
            except OSError:  # such as a line too long for a path
                there = False
            if not there:
                raise UserError(
                    f"{file}, line {number}: {line[:80]}: no video file or folder of images: check the path"
                )
            videos.append(video)
    if not videos:
        raise UserError(f"{file}: no video in this list: it should hold one path a line")
    return list(dict.fromkeys(videos))


def _named(videos: Sequence[Path]) -> dict[str, Path]:
    """Gives each video the shortest name that no other could have, or else the one with its folders."""
    places = [Path(os.path.abspath(video)) for video in videos]  # noqa: PTH100  # links keep names of their own
    shared = os.path.commonpath([place.parent for place in places])
    spellings = [
        (_name(video), video.name, place.relative_to(shared).as_posix())
        for video, place in zip(videos, places, strict=True)
    ]
    could = Counter(name for names in spellings for name in set(names))
    chosen = [next((name for name in names if could[name] == 1), names[-1]) for names in spellings]
    return dict(zip(chosen, videos, strict=True))


def _name(video: Path) -> str:
    return video.stem if video.is_file() else video.resolve().name


def _is_video(path: Path) -> bool:
    return (_has_suffix(path, VIDEO_SUFFIXES) or _holds_images(path)) and not _is_result(path)


def _is_result(path: Path) -> bool:
    return UNFINISHED in path.parts or (path.name in (MASKS, OVERLAY) and (path.parent / TABLE).is_file())


def _holds_images(path: Path) -> bool:
    return path.is_dir() and any(_has_suffix(entry, IMAGE_SUFFIXES) for entry in visible(path.iterdir()))


def _has_suffix(path: Path, suffixes: frozenset[str]) -> bool:
    return path.is_file() and path.suffix.lower() in suffixes
