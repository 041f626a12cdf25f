"""A simulated clip as records: what is written of it, and what the index says of it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from jvlgs_jax.data.planes import PlaneMemory, TemporalPlanes
from jvlgs_jax.data.records.builder import UNSPLIT
from jvlgs_jax.data.records.index import AreaStatistics, SceneRecords
from jvlgs_jax.data.records.recorder import Example, encode_frame, encode_mask, encode_means, encode_png
from jvlgs_jax.data.scene import SceneInfo
from jvlgs_jax.simulation.captions import caption
from jvlgs_jax.simulation.clip import SimulatedClip
from jvlgs_jax.simulation.truth import GAS_PIXEL, IGNORED

FRAMES_PER_SECOND = 15.0


def simulated_features() -> dict[str, Any]:
    """The features that records of simulated clips have beside those of recorded video."""
    image, sequence = tfds.features.Image, tfds.features.Sequence
    depth = image(shape=(None, None, 1), dtype=np.uint16)
    return {
        "caption": tfds.features.Text(doc="one sentence about the clip"),
        "index": tfds.features.Scalar(np.int64, doc="number of the clip in its family"),
        "age": tfds.features.Scalar(np.int32, doc="frames of video before the clip"),
        "leaking": sequence(np.bool_, doc="gas comes out of the source"),
        "visibility": sequence(np.float32, doc="contrast-to-noise ratio of the gas"),
        "source_place": sequence(np.float32, doc="row and column of the source by frame, NaN while nothing leaks"),
        "ignored": sequence(image(shape=(None, None, 1)), doc="255: gas that no one could see"),
        "steam": sequence(image(shape=(None, None, 1)), doc="255: steam"),
        "optical_depth": sequence(depth, doc="the bits of a float16"),
        "contrast": sequence(depth, doc="grey levels the gas adds, the bits of a float16"),
    }


def clip_examples(
    clip: SimulatedClip, *, name: str, index: int, source: str, frames_per_record: int
) -> Iterator[Example]:
    """Yields the records of one clip, each of some of its frames, with what the input planes held before them.

    Args:
        clip: as `simulate_batch` makes it, without the axis of the batch.
        name: of its scene, which no other clip of the dataset has.
        index: its number in its family.
        source: name of the dataset.
        frames_per_record: the last record may hold fewer.
    """
    age = int(clip.age)
    past = PlaneMemory(age, np.stack([clip.background, clip.short_term], axis=-1)) if age else None
    stream, words = TemporalPlanes().stream(past), caption(clip)
    for first in range(0, len(clip.frames), frames_per_record):
        run = slice(first, first + frames_per_record)
        frames, gas = clip.frames[run], clip.mask[run] == GAS_PIXEL
        yield {
            "scene": name,
            "group": name,
            "source": source,
            "split": "",
            "first_frame": first,
            "times": [(first + i) / FRAMES_PER_SECOND for i in range(len(frames))],
            "has_truth": True,
            "leak": gas.any(axis=(1, 2)).tolist(),
            "frames": [encode_frame(frame[..., None]) for frame in frames],
            "raw_frames": [],
            "gain": [],
            "masks": [encode_mask(mask.astype(np.uint8)) for mask in gas],
            "memory": encode_means(stream.memory),
            "caption": words,
            "index": index,
            "age": age,
            "leaking": clip.leaking[run].tolist(),
            "visibility": clip.visibility[run].tolist(),
            "source_place": clip.source[run].ravel().tolist(),
            "ignored": [encode_mask((mask == IGNORED).astype(np.uint8)) for mask in clip.mask[run]],
            "steam": [encode_mask((steam == GAS_PIXEL).astype(np.uint8)) for steam in clip.steam[run]],
            "optical_depth": [encode_png(depth.view(np.uint16)) for depth in clip.optical_depth[run]],
            "contrast": [encode_png(contrast.view(np.uint16)) for contrast in clip.contrast[run]],
        }
        for frame in frames:
            stream.push(frame[..., None])


def describe_clip(clip: SimulatedClip, *, name: str, source: str, first: int) -> SceneRecords:
    """What the index of its dataset holds of one clip, whose records begin with number `first`."""
    gas = np.asarray(clip.mask) == GAS_PIXEL
    areas = [float(area) for area in gas.mean(axis=(1, 2)) if area]
    info = SceneInfo(
        name=name,
        group=name,
        source=source,
        split=None,
        length=len(gas),
        size=(gas.shape[1], gas.shape[2]),
        frames_per_second=FRAMES_PER_SECOND,
        leak=gas.any(axis=(1, 2)),
    )
    statistics = AreaStatistics(min(areas), float(np.median(areas)), max(areas)) if areas else None
    return SceneRecords(
        info=info, records=UNSPLIT, first=first, channels=1, gain=None, areas=statistics, seen_before=int(clip.age)
    )
