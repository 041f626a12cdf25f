"""Segments one video into a folder: masks/, overlay.mp4, frames.csv, events.json and report.html."""

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from tqdm import tqdm

from jvlgs_jax.data.gain import Frame
from jvlgs_jax.data.video import Video
from jvlgs_jax.inference.results import About, Recorder, result_files
from jvlgs_jax.inference.segmenter import Segmenter
from jvlgs_jax.inference.summary import Summary
from jvlgs_jax.inference.watching import Event, WatchConfig, Watcher

Tell = Callable[[Event], None]
"""Hears of an event when it happens."""


def tell_nobody(event: Event) -> None:
    """Hears of an event and does nothing."""


def predict(
    video: Video,
    segmenter: Segmenter,
    watch: WatchConfig,
    output: Path,
    *,
    watched: Bool[np.ndarray, "h w"] | None = None,
    origin: About | None = None,
    tell: Tell = tell_nobody,
) -> Summary:
    """Segments `video` and writes what was found to the folder `output`, one frame at a time.

    - masks/000000.png ...: 255 where the rule sees gas, one image a frame, at the video's size.
    - overlay.mp4: see `overlay.draw_overlay`.
    - frames.csv: see `frame_table.FrameRow`.
    - events.json: see `event_log.EventLog`.
    - report.html: see `report.Findings`.

    All replace those of an earlier run once the last frame is written, and only then. The folder must exist, see
    `output_folder.prepare_output`. Progress goes to stderr.

    Args:
        video: to segment.
        segmenter: the model.
        watch: how probabilities become masks, and masks alarms.
        output: the folder.
        watched: where to look for gas; None: everywhere.
        origin: what events.json and report.html say of the model and of what else led here.
        tell: hears of each event once its frame is written, long before the files appear.
    """
    read_ahead: deque[Frame] = deque()

    def remember() -> Iterator[Frame]:
        for frame in video:
            read_ahead.append(frame)
            yield frame

    watcher = Watcher(watch, video.frames_per_second, watched)
    with (
        result_files(output, video.frames_per_second) as files,
        tqdm(total=video.frame_count or None, desc=video.path.name, unit=" frames") as progress,
    ):
        recorder = Recorder(files, video, watch, watched)
        for probability in segmenter.probabilities(remember()):
            frame = read_ahead.popleft()
            seen = watcher.push(frame, probability)
            recorder.add(frame, seen)
            for event in seen.events:
                tell(event)
            progress.update()
        for event in watcher.finish():
            recorder.add_event(event)
            tell(event)
        recorder.finish(origin or {})
    return recorder.summary
