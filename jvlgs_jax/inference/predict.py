"""Segments one video into a folder: masks/, overlay.mp4 and frames.csv."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
from tqdm import tqdm

from jvlgs_jax.data.gain import Frame, whole_levels
from jvlgs_jax.data.video import Video
from jvlgs_jax.inference.frame_table import describe_frame, frame_table
from jvlgs_jax.inference.output_folder import MASKS, OVERLAY, TABLE
from jvlgs_jax.inference.overlay import draw_overlay
from jvlgs_jax.inference.postprocess import MaskRule
from jvlgs_jax.inference.replacement import replacement
from jvlgs_jax.inference.segmenter import Segmenter
from jvlgs_jax.inference.video_writer import video_writer


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What one prediction found."""

    frames: int
    alarms: int  # frames with an alarm


def predict(video: Video, segmenter: Segmenter, rule: MaskRule, output: Path) -> Summary:
    """Segments `video` and writes what was found to the folder `output`, one frame at a time.

    - masks/000000.png ...: 255 where the rule sees gas, one image a frame, at the video's size.
    - overlay.mp4: see `overlay.draw_overlay`.
    - frames.csv: see `frame_table.FrameRow`.

    All three replace those of an earlier run once the last frame is written, and only then. The folder must exist, see
    `output_folder.prepare_output`. Progress goes to stderr.
    """
    read_ahead: deque[Frame] = deque()

    def remember() -> Iterator[Frame]:
        for frame in video:
            read_ahead.append(frame)
            yield frame

    masks = rule.stream()
    frames = alarms = 0
    with (
        replacement(output / MASKS) as mask_folder,
        video_writer(output / OVERLAY, video.frames_per_second) as write_frame,
        frame_table(output / TABLE) as write_row,
        tqdm(total=video.frame_count or None, desc=video.path.name, unit=" frames") as progress,
    ):
        mask_folder.mkdir()
        for probability in segmenter.probabilities(remember()):
            frame = read_ahead.popleft()
            mask = masks.push(probability)
            row = describe_frame(frames, frames / video.frames_per_second, probability, mask)
            _, encoded = cv2.imencode(".png", 255 * mask)
            (mask_folder / f"{frames:06d}.png").write_bytes(encoded.tobytes())
            write_frame(draw_overlay(whole_levels(frame), probability, mask, row))
            write_row(row)
            frames += 1
            alarms += row.alarm
            progress.update()
    return Summary(frames=frames, alarms=alarms)
