"""What a page looks at: one video at a time, how it is watched, and what was found in it."""

import shlex
import shutil
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from jvlgs_jax.data.gain import whole_levels
from jvlgs_jax.data.video import Video, open_video
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.output_folder import EVENTS, OVERLAY, REPORT, TABLE
from jvlgs_jax.inference.postprocess import NamedRule
from jvlgs_jax.inference.predict import Probabilities
from jvlgs_jax.inference.provenance import describe_regions
from jvlgs_jax.serve.plan import Plan, defaults, read_plan
from jvlgs_jax.serve.remembered import Remembered
from jvlgs_jax.serve.watch import Stage, Watch

REGIONS = "regions.json"
RESULTS = (REPORT, EVENTS, TABLE, OVERLAY, REGIONS)
PATIENCE_S = 5.0  # for a watch to end

_JPEG_QUALITY = 85

Watched = Bool[np.ndarray, "h w"]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The video that is looked at.

    Attributes:
        name: what people call it.
        video: it.
        first: its first frame.
        folder: its own, which goes when another video comes.
        network: answers for it.
    """

    name: str
    video: Video
    first: UInt8[np.ndarray, "h w c"]
    folder: Path
    network: Remembered

    def in_words(self, text: str) -> str:
        """Returns a message without the paths that only this program knows."""
        return text.replace(str(self.video.path), self.name)


class Station:
    """Holds the video, its watch and its results in a private temporary folder. Safe to call from several threads."""

    def __init__(
        self, network: Probabilities, rule: NamedRule, model: dict[str, Any], options: Sequence[str] = ()
    ) -> None:
        """Starts with no video.

        Args:
            network: the model.
            rule: from probabilities to masks, where a page does not say otherwise.
            model: what results say of the model.
            options: of `jvlgs predict` that choose the same model and rule.
        """
        self._network, self._rule, self._model = network, rule, model
        self._options = tuple(options)
        self._folder = Path(tempfile.mkdtemp(prefix="jvlgs-serve-"))  # for its owner alone
        self._lock = threading.RLock()
        self._recording: Recording | None = None
        self._watch: Watch | None = None
        self._plan: Plan | None = None
        self._wish: Any = None  # the plan in the page's words
        self._output: Path | None = None  # of the watch

    def new_folder(self) -> Path:
        """Makes a folder for a video that is to come."""
        return Path(tempfile.mkdtemp(dir=self._folder))

    def show(self, path: Path, name: str, folder: Path) -> None:
        """Takes the video at `path` in place of the one before, whose files are removed; no watch begins.

        UserError where it cannot be read; then the one before stays, and `folder`, which is the new one's, is removed.
        """
        try:
            video = open_video(path)
            first = whole_levels(next(iter(video)))
        except UserError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise UserError(str(error).replace(str(path), name)) from error
        recording = Recording(
            name=name,
            video=video,
            first=first,
            folder=folder,
            network=Remembered(self._network, folder, video.frame_count),
        )
        with self._lock:
            self._clear()
            self._recording = recording

    def watch(self, wish: Any) -> None:
        """Watches the video from its start as `wish` says, see `read_plan`, in place of the watch before.

        UserError where there is no video, and where the wish cannot be met; then the watch before goes on.
        """
        with self._lock:
            recording = self._recording
            if recording is None:
                raise UserError("no video: choose one first")
            output = Path(tempfile.mkdtemp(dir=recording.folder))
            try:
                plan = read_plan(wish, self._rule, output / REGIONS)
                watched = None if plan.regions is None else plan.regions.watched(recording.first.shape[:2])
            except UserError as error:
                shutil.rmtree(output)
                raise UserError(str(error).replace(f"{output}/", "")) from error
            self._drop_watch()
            self._plan, self._wish, self._output = plan, wish, output
            origin = self._origin(recording, watched)
            self._watch = Watch(recording.video, recording.network, plan.watch, watched, output, origin)
            self._watch.start()

    def stop(self) -> None:
        """Ends the watch, if there is one, with results of the frames so far."""
        with self._lock:
            if self._watch is not None:
                self._watch.stop()

    def close(self) -> None:
        """Ends all, and removes every file."""
        with self._lock:
            self._clear()
            shutil.rmtree(self._folder, ignore_errors=True)

    def state(self) -> dict[str, Any]:
        """Returns what a page shows, as JSON's types."""
        with self._lock:
            recording, watch, plan = self._recording, self._watch, self._plan
            return {
                "video": None if recording is None else _describe(recording),
                "watch": None if recording is None or watch is None else _in_words(recording, watch.state()),
                "wish": self._wish,
                "command": None if recording is None or plan is None else self._command(recording, plan),
                "results": [name for name in RESULTS if self.result(name) is not None],
            }

    def about(self) -> dict[str, Any]:
        """Returns what a page needs to know once, as JSON's types."""
        return {"model": self._model, "defaults": defaults(self._rule)}

    def picture(self) -> bytes | None:
        """Returns what there is to look at, as JPEG: the latest overlay, else the first frame; None without a video."""
        with self._lock:
            overlay = None if self._watch is None else self._watch.picture
            picture = self._recording.first if overlay is None and self._recording is not None else overlay
        if picture is None:
            return None
        levels = picture if picture.shape[-1] == 1 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        return cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()

    def result(self, name: str) -> Path | None:
        """Returns the file of the last watch that ended well, for a name in RESULTS; None where there is none."""
        with self._lock:
            if name not in RESULTS or self._output is None or self._watch is None:
                return None
            if self._watch.stage not in (Stage.DONE, Stage.STOPPED):
                return None
            path = self._output / name
            return path if path.is_file() else None

    def _clear(self) -> None:
        self._drop_watch()
        if self._recording is not None:
            shutil.rmtree(self._recording.folder, ignore_errors=True)
        self._recording = None

    def _drop_watch(self) -> None:
        if self._watch is not None:
            self._watch.abandon(PATIENCE_S)
        if self._output is not None:
            shutil.rmtree(self._output, ignore_errors=True)
        self._watch = self._plan = self._output = None

    def _origin(self, recording: Recording, watched: Watched | None) -> dict[str, dict[str, Any]]:
        origin = {"video": {"path": recording.name}, "model": self._model}
        return origin if watched is None else {**origin, "regions": describe_regions(REGIONS, watched)}

    def _command(self, recording: Recording, plan: Plan) -> list[str]:
        """The words of a shell command that does the same."""
        regions = () if plan.regions is None else (f"--regions={REGIONS}",)
        words = ("jvlgs", "predict", recording.name, *self._options, "--output=out", *plan.command, *regions)
        return [shlex.quote(word) for word in words]


def _in_words(recording: Recording, state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "problem": state["problem"] and recording.in_words(state["problem"])}


def _describe(recording: Recording) -> dict[str, Any]:
    height, width = recording.first.shape[:2]
    return {
        "name": recording.name,
        "width": width,
        "height": height,
        "frame_count": recording.video.frame_count,
        "frames_per_second": recording.video.frames_per_second,
        "remembered": recording.network.whole,
    }
