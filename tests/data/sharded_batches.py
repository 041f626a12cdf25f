"""Batches of two small scenes with every augmentation; as a program, prints digests of the rows it gets."""

import argparse
import hashlib
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
from orbax.checkpoint import v1 as ocp

from jvlgs_jax.data.augmentation.config import AugmentationConfig
from jvlgs_jax.data.batch_iterator import BatchIterator, Shard
from jvlgs_jax.data.batches import Batch, DataConfig, training_batches
from jvlgs_jax.data.clip_source import ClipSource
from jvlgs_jax.data.clips import MemoryReader
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.data.scene import Scene

CONFIG = DataConfig(
    planes="temporal",
    input_size=(32, 48),
    clips=ClipConfig(length=4, reversal_probability=0.5),
    batch_size=4,
    leak_free_share=0.25,
    augmentation=AugmentationConfig(
        cloud_probability=0.5, temporal_noise=3.0, exposure_drift=4.0, codec_probability=0.5, text_probability=0.5
    ),
)


def scene(name: str, seed: int, n: int = 9) -> Scene:
    rng = np.random.default_rng(seed)
    truth = ((rng.random((n, 24, 32)) < 0.3) & (np.arange(n) >= 4)[:, None, None]).astype(np.uint8)
    frames = rng.integers(0, 256, (n, 24, 32, 1), dtype=np.uint8)
    return Scene(name=name, group=name, frames=frames, truth=truth, frames_per_second=15.0)


def batches_of(
    config: DataConfig, shard: Shard | None = None, place: Callable[[Batch], Batch] | None = None
) -> BatchIterator[Batch]:
    planes = input_planes(config.planes)
    sources = [
        ClipSource(reader=MemoryReader([scene("a", 1)], planes)),
        ClipSource(reader=MemoryReader([scene("b", 2), scene("c", 3)], planes), weight=2.0),
    ]
    return training_batches(sources, config, seed=7, shard=shard, place=place)


def digests(batch: Batch) -> list[str]:
    """One short text for each row: equal for equal clips and masks."""
    return [
        hashlib.sha256(p.tobytes() + m.tobytes()).hexdigest()[:16]
        for p, m in zip(batch.planes, batch.mask, strict=True)
    ]


if __name__ == "__main__":
    import dataclasses

    parser = argparse.ArgumentParser()
    for name, default in (("--workers", 0), ("--index", 0), ("--count", 1), ("--steps", 1)):
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--load", type=Path)
    args = parser.parse_args()
    config = dataclasses.replace(CONFIG, workers=args.workers)
    batches = batches_of(config, Shard(index=args.index, count=args.count))
    if args.load:
        with ocp.training.Checkpointer(args.load) as checkpointer:
            checkpointer.load_checkpointables(None, {"data": batches})
    for batch in islice(batches, args.steps):
        print(*digests(batch), sep="\n")
    if args.save and args.index == 0:
        with ocp.training.Checkpointer(args.save) as checkpointer:
            checkpointer.save_checkpointables(args.steps, {"data": batches})
    batches.close()
