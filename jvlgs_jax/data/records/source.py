"""What records were made of: the state of each scene's files, by which a source that has changed since is noticed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jvlgs_jax.data.file_states import FileState, file_states
from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.data.natural_order import natural_key
from jvlgs_jax.errors import UserError

SOURCE = "source.json"
NAMED_CHANGES = 3  # a message is one line

SourceState = Mapping[str, Mapping[str, FileState]]  # by scene and file


def source_state(root: Path, scenes: Sequence[SceneFiles]) -> SourceState:
    """Returns what the files of the scenes found in `root` are like now."""
    return {scene.name: file_states(scene.stored(), root) for scene in scenes}


def save_source(folder: Path, state: SourceState) -> None:
    """Keeps the state beside the records in `folder`."""
    (folder / SOURCE).write_text(json.dumps({"scenes": state}), encoding="utf-8")


def read_source(folder: Path) -> SourceState | None:
    """Returns the state that was kept beside the records in `folder`.

    None where none was, as by earlier versions and of simulated clips; UserError where it is damaged.
    """
    path = folder / SOURCE
    if not path.is_file():
        return None
    try:
        scenes = json.loads(path.read_text(encoding="utf-8"))["scenes"]
        return {scene: {file: FileState(*of) for file, of in files.items()} for scene, files in scenes.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{path}: damaged ({reason}): remove {folder} to prepare it anew") from error


def changes(before: SourceState, now: SourceState) -> str:
    """Says what has become of a source, the first of it in natural order and how much more; "" where it is as before.

    That is, "scene b is new, scene c is gone", or where the scenes are the same, "a/3.png has changed and 7 more".
    """
    scenes = _changes({f"scene {name}": None for name in before}, {f"scene {name}": None for name in now})
    every = list(scenes) or list(_changes(_files(before), _files(now)))
    more = len(every) - NAMED_CHANGES
    return ", ".join(every[:NAMED_CHANGES]) + (f" and {more} more" if more > 0 else "")


def _files(state: SourceState) -> dict[str, FileState]:
    return {file: of for files in state.values() for file, of in files.items()}


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(before.keys() | now.keys(), key=natural_key):
        if name not in before:
            yield f"{name} is new"
        elif name not in now:
            yield f"{name} is gone"
        elif before[name] != now[name]:
            yield f"{name} has changed"
