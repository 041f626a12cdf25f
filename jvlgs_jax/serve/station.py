"""What a page looks at: one video at a time, how it is watched, and what was found in it."""

import shlex
import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from jvlgs_jax.data.gain import whole_levels
from jvlgs_jax.data.live import LiveVideo, is_live, open_live
from jvlgs_jax.data.video import Video, open_video
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.output_folder import EVENTS, OVERLAY, REPORT, TABLE
from jvlgs_jax.inference.postprocess import NamedRule
from jvlgs_jax.inference.predict import Probabilities
from jvlgs_jax.inference.provenance import Recording, describe_regions
from jvlgs_jax.serve.plan import Plan, defaults, read_plan
from jvlgs_jax.serve.remembered import Remembered
from jvlgs_jax.serve.stoppable import StoppableVideo
from jvlgs_jax.serve.watch import Stage, Watch

REGIONS = "regions.json"
RESULTS = (REPORT, EVENTS, TABLE, OVERLAY, REGIONS)
PATIENCE_S = 5.0  # for a watch to end
NOTICES = 3  # of a camera that are kept
FASTEST = 120  # frames a second of a camera

_JPEG_QUALITY = 85

Watched = Bool[np.ndarray, "h w"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """The video that is looked at, or the camera.

    Attributes:
        name: what people call it.
        argument: what `jvlgs predict` calls it.
        video: it; of a camera, as it was when it was chosen.
        size: (height, width).
        first: its first frame; None of a camera.
        folder: its own, which goes when another video comes.
        network: answers for it; None where each watch needs one of its own.
        hidden: path, or address with its password, that only this program should know.
    """

    name: str
    argument: str
    video: Recording
    size: tuple[int, int]
    first: UInt8[np.ndarray, "h w c"] | None
    folder: Path
    network: Remembered | None
    hidden: str

    def in_words(self, text: str) -> str:
        """Returns a message about a file without its path; those about cameras tell no secrets."""
        return text if self.network is None else text.replace(self.hidden, self.name)


class Station:
    """Holds the video, its watch and its results in a private temporary folder. Safe to call from several threads."""

    def __init__(
        self,
        network: Probabilities,
        rule: NamedRule,
        model: dict[str, Any],
        options: Sequence[str] = (),
        live_network: Callable[[], Probabilities] | None = None,
    ) -> None:
        """Starts with no video.

        Args:
            network: the model.
            rule: from probabilities to masks, where a page does not say otherwise.
            model: what results say of the model.
            options: of `jvlgs predict` that choose the same model.
            live_network: makes the model for one watch of a camera; None: there are no cameras.
        """
        self._network, self._rule, self._model = network, rule, model
        self._options, self._live_network = tuple(options), live_network
        self._notices: deque[str] = deque(maxlen=NOTICES)  # of a camera
        self._folder = Path(tempfile.mkdtemp(prefix="jvlgs-serve-"))  # for its owner alone
        self._lock = threading.RLock()
        self._source: Source | None = None
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
        self._take(
            Source(
                name=name,
                argument=name,
                video=video,
                size=first.shape[:2],
                first=first,
                folder=folder,
                network=Remembered(self._network, folder),
                hidden=str(path),
            )
        )

    def show_camera(self, address: str, frames_per_second: float | None = None) -> None:
        """Takes a camera, by its number, or a stream, by its URL, in place of the video before.

        UserError where it gives no frame, as for `open_live`; then the video before stays.
        """
        if self._live_network is None or not is_live(address):
            raise UserError(f"{address[:80]}: no camera: give its number, such as 0, or an address, such as rtsp://...")
        if frames_per_second is not None and not 0 < frames_per_second <= FASTEST:
            raise UserError(f"frames a second: {frames_per_second:g}, must be above 0 and at most {FASTEST}")
        video = open_live(address, self._notices.append, frames_per_second=frames_per_second)
        self._take(
            Source(
                name=video.name,
                argument=address if address.isdecimal() else video.name,
                video=video,
                size=video.size,
                first=None,
                folder=self.new_folder(),
                network=None,
                hidden=address,
            )
        )

    def watch(self, wish: Any) -> None:
        """Watches the video from its start as `wish` says, see `read_plan`, in place of the watch before.

        UserError where there is no video, and where the wish cannot be met; then the watch before goes on. UserError
        too where a camera is lost; the watch before has ended then.
        """
        with self._lock:
            source = self._source
            if source is None:
                raise UserError("no video: choose one first")
            output = Path(tempfile.mkdtemp(dir=source.folder))
            try:
                plan = read_plan(wish, self._rule, output / REGIONS)
                watched = None if plan.regions is None else plan.regions.watched(source.size)
            except UserError as error:
                shutil.rmtree(output)
                raise UserError(str(error).replace(f"{output}/", "")) from error
            camera = None if self._plan is None else self._plan.watch.camera
            self._drop_watch()
            self._plan, self._wish, self._output = plan, wish, output
            if source.network is not None and camera not in (None, plan.watch.camera):
                source.network.forget()  # the network is told when the camera moves
            video, network = self._open_again(source)
            self._watch = Watch(video, network, plan.watch, watched, output, self._origin(source, watched))
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
            source, watch, plan = self._source, self._watch, self._plan
            return {
                "notices": list(self._notices),
                "video": None if source is None else _describe(source),
                "watch": None if source is None or watch is None else _in_words(source, watch.state()),
                "wish": self._wish,
                "command": None if source is None or plan is None else self._command(source, plan),
                "results": [name for name in RESULTS if self.result(name) is not None],
            }

    def about(self) -> dict[str, Any]:
        """Returns what a page needs to know once, as JSON's types."""
        return {"model": self._model, "defaults": defaults(self._rule)}

    def picture(self) -> bytes | None:
        """Returns what there is to look at, as JPEG: the latest overlay, else the first frame; None without a video."""
        with self._lock:
            overlay = None if self._watch is None else self._watch.picture
            picture = self._source.first if overlay is None and self._source is not None else overlay
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

    def _take(self, source: Source) -> None:
        with self._lock:
            self._clear()
            self._source = source

    def _open_again(self, source: Source) -> tuple[StoppableVideo | LiveVideo, Probabilities]:
        if source.network is not None:
            assert isinstance(source.video, Video)
            video = StoppableVideo.of(source.video)
            return video, source.network.answers(video)
        assert self._live_network is not None
        assert isinstance(source.video, LiveVideo)
        rate = source.video.frames_per_second
        return open_live(source.hidden, self._notices.append, frames_per_second=rate), self._live_network()

    def _clear(self) -> None:
        self._drop_watch()
        if self._source is not None:
            shutil.rmtree(self._source.folder, ignore_errors=True)
        self._source = None
        self._notices.clear()

    def _drop_watch(self) -> None:
        if self._watch is not None:
            self._watch.abandon(PATIENCE_S)
        if self._output is not None:
            shutil.rmtree(self._output, ignore_errors=True)
        self._watch = self._plan = self._output = None

    def _origin(self, source: Source, watched: Watched | None) -> dict[str, dict[str, Any]]:
        origin = {"video": {"path": source.name}, "model": self._model}
        return origin if watched is None else {**origin, "regions": describe_regions(REGIONS, watched)}

    def _command(self, source: Source, plan: Plan) -> list[str]:
        """The words of a shell command that does the same."""
        regions = () if plan.regions is None else (f"--regions={REGIONS}",)
        words = ("jvlgs", "predict", source.argument, *self._options, "--output=out", *plan.command, *regions)
        return [shlex.quote(word) for word in words]


def _in_words(source: Source, state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "problem": state["problem"] and source.in_words(state["problem"])}


def _describe(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "width": source.size[1],
        "height": source.size[0],
        "frame_count": source.video.frame_count,
        "frames_per_second": source.video.frames_per_second,
        "live": source.network is None,
        "remembered": source.network is not None and source.network.whole,
    }
