"""Does a frame cost the same after hours of video? The sample clip over and over, as `jvlgs predict` segments a video.

python benchmarks/long_video.py --frames 20000 --plot long_video.svg

Prints processor time a frame and the memory that the process holds, for every 1,000 frames, and draws both.
"""

import argparse
import os
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np

from jvlgs_jax.data.video import Video, open_video
from jvlgs_jax.inference.postprocess import rule_from
from jvlgs_jax.inference.predict import predict
from jvlgs_jax.inference.segmenter import Segmenter
from jvlgs_jax.inference.watching import WatchConfig
from jvlgs_jax.weights.shipped import shipped_model

SAMPLE = Path(__file__).parents[1] / "jvlgs_jax/sample/clip/leak.mp4"
PART = 1000  # frames
WIDTH, HEIGHT, MARGIN = 640, 150, 50  # pixels of a panel of the plot


def looped(path: Path, frames: int) -> Video:
    """Writes the sample clip over and over, forwards and back so that nothing jumps."""
    sample = open_video(SAMPLE)
    pictures = [np.repeat(frame.astype(np.uint8), 4 - frame.shape[-1], axis=-1)[..., :3] for frame in sample]
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), sample.frames_per_second, (width, height))
    for picture in islice(cycle([*pictures, *pictures[-2:0:-1]]), frames):
        writer.write(picture)
    writer.release()
    return open_video(path)


def resident() -> float:
    """MiB of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def panel(values: list[float], unit: str, top: int) -> str:
    """One curve as SVG, from zero to a little above its largest value."""
    most = 1.15 * max(values)
    places = [
        (MARGIN + (WIDTH - 2 * MARGIN) * n / max(1, len(values) - 1), top + HEIGHT * (1 - value / most))
        for n, value in enumerate(values)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    floor = top + HEIGHT
    return (
        f'<path d="M{MARGIN},{top} V{floor} H{WIDTH - MARGIN}" fill="none" stroke="#777"/>'
        f'<polyline points="{line}" fill="none" stroke="#1b6ca8" stroke-width="2"/>'
        f'<text x="{MARGIN}" y="{top - 6}">{unit}</text><text x="{MARGIN - 8}" y="{floor}" text-anchor="end">0</text>'
        f'<text x="{MARGIN - 8}" y="{top + 10}" text-anchor="end">{most:.3g}</text>'
    )


def plot(seconds: list[float], memory: list[float], frames: int) -> str:
    """Both curves as an SVG picture."""
    tall = 2 * HEIGHT + 3 * MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {tall}" font-family="sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{tall}" fill="white"/>'
        f"{panel([1e3 * s for s in seconds], 'processor time a frame, ms', MARGIN)}"
        f"{panel(memory, 'memory, MiB', 2 * MARGIN + HEIGHT)}"
        f'<text x="{WIDTH - MARGIN}" y="{tall - MARGIN + 18}" text-anchor="end">{frames:,} frames</text></svg>\n'
    )


def main() -> None:
    """Segments, prints and draws."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--plot", type=Path, required=True, help="where the picture goes (SVG)")
    args = parser.parse_args()
    bundle = shipped_model("plume_small").load()
    seconds: list[float] = []
    memory: list[float] = []
    done, begun = 0, 0.0

    def see(*_: object) -> None:
        nonlocal done, begun
        done += 1
        if done % PART == 0:
            now = time.process_time()
            seconds.append((now - begun) / PART)
            memory.append(resident())
            begun = now
            print(f"{done} frames: {1e3 * seconds[-1]:.1f} ms a frame, {memory[-1]:.0f} MiB", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "out")
        output.mkdir()
        video = looped(Path(folder, "long.mp4"), args.frames)
        assert bundle.rule is not None
        begun = time.process_time()
        predict(video, Segmenter(bundle), WatchConfig(rule=rule_from(bundle.rule)), output, see=see)
    args.plot.write_text(plot(seconds, memory, args.frames))


if __name__ == "__main__":
    main()
