"""Segments one video into a folder: masks/, overlay.mp4, frames.csv, events.json and report.html."""

import hashlib
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from tqdm import tqdm

from jvlgs_jax import __version__
from jvlgs_jax.data.gain import Frame
from jvlgs_jax.data.live import LiveVideo
from jvlgs_jax.data.printable import printable
from jvlgs_jax.errors import DISK_TROUBLE, UserError
from jvlgs_jax.inference.output_folder import UNFINISHED
from jvlgs_jax.inference.progress import Progress, load_progress, shape_of
from jvlgs_jax.inference.provenance import Recording, identify_recording
from jvlgs_jax.inference.replacement import remove
from jvlgs_jax.inference.result_files import ResultFiles
from jvlgs_jax.inference.results import About, Recorder
from jvlgs_jax.inference.segmenter import SegmenterMemory, StartsView, same_view
from jvlgs_jax.inference.summary import Summary
from jvlgs_jax.inference.watching import Event, Observation, WatchConfig, Watcher

SAVED_EVERY = 128  # frames
PUBLISHED_EVERY_S = 60.0  # events and report of a live input

_PROGRESS = "progress"

Tell = Callable[[Event], None]
"""Hears of an event when it happens."""


See = Callable[[Observation, UInt8[np.ndarray, "h w 3"]], None]
"""Is shown each frame once it is written: what is said of it, and its overlay."""


@runtime_checkable
class Probabilities(Protocol):
    """Gives each frame of a video its gas probabilities, as a `Segmenter` does."""

    def probabilities(
        self, frames: Iterable[Frame], *, starts_view: StartsView = same_view, memory: SegmenterMemory | None = None
    ) -> Iterator[Float32[np.ndarray, "h w"]]:
        """Yields one map a frame, at the frame's own size; one that keeps no `memory` is not saved on the way."""
        ...


def tell_nobody(event: Event) -> None:
    """Hears of an event and does nothing."""


def show_nobody(seen: Observation, picture: UInt8[np.ndarray, "h w 3"]) -> None:
    """Is shown a frame and does nothing."""


def predict(
    video: Recording,
    segmenter: Probabilities,
    watch: WatchConfig,
    output: Path,
    *,
    watched: Bool[np.ndarray, "h w"] | None = None,
    origin: About | None = None,
    tell: Tell = tell_nobody,
    see: See = show_nobody,
) -> Summary:
    """Segments `video` and writes what was found to the folder `output`, one frame at a time.

    - masks/000000.png ...: 255 where the rule sees gas, one image a frame, at the video's size.
    - overlay.mp4: see `overlay.draw_overlay`.
    - frames.csv: see `frame_table.FrameRow`.
    - events.json: see `event_log.EventLog`.
    - report.html: see `report.Findings`.

    All replace those of an earlier run once the last frame is written, and only then; of a live input, events and
    report appear every minute. The folder must exist, see `output_folder.prepare_output`. Progress goes to stderr.

    A run that was killed or interrupted goes on with the next one of the same video, model and settings, from the last
    frame that was saved, and has the same results as one in one go. A live input goes on with the frames that come.

    Args:
        video: to segment.
        segmenter: the model, a `Segmenter`, or what remembers its answers.
        watch: how probabilities become masks, and masks alarms.
        output: the folder.
        watched: where to look for gas; None: everywhere.
        origin: what events.json and report.html say of the model and of what else led here; see `Recorder.publish`.
        tell: hears of each event once its frame is written, long before the files appear.
        see: is shown each frame, after what happened at it was told.
    """
    origin = origin or {}
    identity = identify_prediction(video, watch, watched, origin)
    start = Progress(identity, Watcher(watch, video.frames_per_second, watched))
    with (
        _told_in_one_line(output),
        _unfinished(output / UNFINISHED, start) as (folder, progress),
        _files(folder, video, progress) as files,
    ):
        recorder = Recorder(files, video, watch, watched, progress.story)
        published = time.monotonic()
        for seen, picture in _observations(video, segmenter, progress, recorder):
            for event in seen.events:
                tell(event)
            see(seen, picture)
            _save_if_due(progress, recorder.summary.frames, files, folder / _PROGRESS)
            if isinstance(video, LiveVideo) and time.monotonic() - published > PUBLISHED_EVERY_S:
                recorder.publish(output, origin, identity)
                published = time.monotonic()
        for event in _last_events(video, progress, recorder):
            tell(event)
        files.finish()
        recorder.publish(folder, origin, identity)
        remove(folder / _PROGRESS)  # from here on, a run that is killed has nothing to go on from
        files.publish(output)
    return recorder.summary


def _observations(
    video: Recording, segmenter: Probabilities, progress: Progress, recorder: Recorder
) -> Iterator[tuple[Observation, UInt8[np.ndarray, "h w 3"]]]:
    """Goes through the frames that are left; yields what is seen in each, once it is recorded, and its overlay."""
    frames, read_ahead = _frames(video, progress)
    watcher = progress.watcher

    def remember() -> Iterator[Frame]:
        for frame in frames:
            read_ahead.append(frame)
            yield frame

    answers = segmenter.probabilities(remember(), starts_view=watcher.starts_view, memory=progress.memory)
    name = printable(video.name)
    with tqdm(total=video.frame_count or None, initial=progress.frames, desc=name, unit=" frames") as bar:
        for probability in answers:
            frame = read_ahead.popleft()
            seen = watcher.push(frame, probability)
            yield seen, recorder.add(frame, seen)
            bar.update()


def _last_events(video: Recording, progress: Progress, recorder: Recorder) -> Iterator[Event]:
    """Yields what happens at the end of the video, once it is recorded; UserError where there was no frame."""
    if not recorder.summary.frames:
        raise UserError(f"{video.name}: ended before its first frame: let it run longer")
    for event in progress.watcher.finish():
        recorder.add_event(event)
        yield event


def _save_if_due(progress: Progress, done: int, files: ResultFiles, path: Path) -> None:
    """Saves what is known after `done` frames, at the first time after each hundred or so that it is whole."""
    if done == progress.memory.answered and done // SAVED_EVERY > progress.frames // SAVED_EVERY:
        progress.frames, progress.lengths = done, files.saved()
        progress.save(path)


def identify_prediction(
    video: Recording, watch: WatchConfig, watched: Bool[np.ndarray, "h w"] | None, origin: About
) -> str:
    """Says which prediction this is: one that goes on, or need not be made again, must be the same one."""
    said = [__version__, identify_recording(video), watch.to_json(), shape_of(watched), origin]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@contextmanager
def _told_in_one_line(output: Path) -> Generator[None]:
    """Turns a full or failing disk into a UserError."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_TROUBLE:
            raise
        raise UserError(
            f"{output}: cannot write any more ({error.strerror}): make room; the same command then goes on from what "
            "was saved"
        ) from error


@contextmanager
def _unfinished(folder: Path, start: Progress) -> Generator[tuple[Path, Progress]]:
    """Yields the folder of a run and how far it has come; it is removed at the end unless another run can go on."""
    saved = load_progress(folder / _PROGRESS, start.identity)
    if saved is None:
        remove(folder)
        folder.mkdir()
    else:
        print(f"{folder.parent}: goes on after frame {saved.frames}, which an earlier run had saved", file=sys.stderr)
    try:
        yield folder, saved or start
    except UserError:
        remove(folder)
        raise
    except BaseException:
        if not (folder / _PROGRESS).exists():
            remove(folder)
        raise
    remove(folder)


@contextmanager
def _files(folder: Path, video: Recording, progress: Progress) -> Generator[ResultFiles]:
    files = ResultFiles(folder, video.frames_per_second, progress.lengths)
    try:
        yield files
    finally:
        files.close()


def _frames(video: Recording, progress: Progress) -> tuple[Iterator[Frame], deque[Frame]]:
    """The frames that the segmenter has not read yet, and those that it has read but not answered."""
    memory = progress.memory
    if isinstance(video, LiveVideo):
        if progress.frames:  # what came meanwhile is gone
            progress.memory = SegmenterMemory(answered=memory.answered)
            progress.watcher.forget_ahead()
        return iter(video), deque()
    frames = islice(video, memory.answered, None)
    return frames, deque(islice(frames, memory.unanswered))
