"""Measures what the number of frames a record costs: clip reads a second on one core, and bytes on disk.

    python benchmarks/records.py DIR --videos 2 2_human

DIR holds SimGas videos; the records go to a temporary folder.
"""

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import tensorflow_datasets as tfds
from jvlgs_datasets.simgas.simgas_dataset_builder import Builder

from jvlgs_jax.data.clips import ClipReader, MemoryReader
from jvlgs_jax.data.layouts import load_scenes
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.records.reader import RecordReader

FRAMES_PER_RECORD = (1, 4, 8, 16, 32)
CLIP_LENGTHS = (3, 8)
PLANES = ("rgb", "temporal")


def main() -> None:
    """Prints one row for each number of frames a record, and one for scenes in memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--videos", nargs="+", required=True)
    parser.add_argument("--reads", type=int, default=300, help="clips read for each figure")
    args = parser.parse_args()
    cv2.setNumThreads(1)

    cases = [(planes, length) for planes in PLANES for length in CLIP_LENGTHS]
    print("frames a record | bytes a frame | " + " | ".join(f"{p} T={n}: clips/s" for p, n in cases))
    with tempfile.TemporaryDirectory() as temporary:
        videos = Path(temporary) / "videos"
        videos.mkdir()
        for name in args.videos:
            for prefix in ("simgasvid", "smoke_only"):
                (videos / f"{prefix}{name}.mp4").symlink_to((args.folder / f"{prefix}{name}.mp4").resolve())
        for frames in FRAMES_PER_RECORD:
            data_dir = Path(temporary) / str(frames)
            size = build(videos, data_dir, frames)
            rates = [rate(RecordReader(data_dir, "simgas", input_planes(p)), n, args.reads) for p, n in cases]
            print(f"{frames:15} | {size:13.0f} | " + " | ".join(f"{r:.0f}" for r in rates))
        scenes = load_scenes(videos)
        rates = [rate(MemoryReader(scenes, input_planes(p)), n, args.reads) for p, n in cases]
        print(f"{'in memory':>15} | {'':13} | " + " | ".join(f"{r:.0f}" for r in rates))


def build(videos: Path, data_dir: Path, frames: int) -> float:
    """Prepares the videos and returns the bytes on disk a frame."""
    builder = Builder(data_dir=data_dir, config="over_20", frames_per_record=frames)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=videos))
    shards = Path(builder.data_dir).glob("*.array_record*")
    length = sum(scene.length for scene in RecordReader(data_dir, "simgas", input_planes("rgb")).scenes)
    return sum(path.stat().st_size for path in shards) / length


def rate(reader: ClipReader, clip_length: int, reads: int) -> float:
    """Returns how many random clips of consecutive frames are read in a second of processor time."""
    draws = np.random.default_rng(0)
    started = time.process_time()
    for _ in range(reads):
        scene = int(draws.integers(len(reader.scenes)))
        first = int(draws.integers(reader.scenes[scene].length - clip_length))
        frames = first + np.arange(clip_length)
        reader.read(scene, frames, frames[: clip_length - 2])
    return reads / (time.process_time() - started)


if __name__ == "__main__":
    main()
