import dataclasses

import numpy as np
import pytest

from jvlgs_jax.data.augmentation.config import AugmentationConfig
from jvlgs_jax.data.batches import ClipSource, DataConfig, training_clips
from jvlgs_jax.data.plain_loop import PlainClips
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.data.throughput import EVERYTHING, FRAMES, WORKLOADS, FolderReader, measure, profile, write_video


def test_nothing_is_left_out_of_everything():
    for field in dataclasses.fields(AugmentationConfig):
        if field.name.endswith("_probability"):
            assert getattr(EVERYTHING, field.name) == 1, field.name
    assert min(EVERYTHING.exposure_drift, EVERYTHING.temporal_noise, EVERYTHING.fixed_pattern_noise) > 0


def test_workloads_are_the_two_sizes_in_grey_and_in_colours():
    assert [(w.length, w.size, w.colors) for w in WORKLOADS] == [
        (3, (352, 352), False),
        (8, (256, 320), False),
        (3, (352, 352), True),
        (8, (256, 320), True),
    ]


@pytest.mark.parametrize("colors", [False, True])
def test_both_contestants_make_the_same_kind_of_clip(tmp_path, colors):
    frames, masks = write_video(tmp_path, colors=colors)
    assert len(frames) == len(masks) == FRAMES
    plain = PlainClips(frames=frames, masks=masks, length=4, size=(64, 80), augmentation=EVERYTHING)
    planes, mask = plain[3]
    config = DataConfig(input_size=(64, 80), clips=ClipConfig(length=4), augmentation=EVERYTHING)
    ours = training_clips([ClipSource(reader=FolderReader(frames, masks))], config, seed=0)[3]
    assert planes.shape == ours.planes.shape == (4, 64, 80, 3)
    assert mask.shape == ours.mask.shape == (2, 64, 80, 1)
    assert planes.dtype == ours.planes.dtype == mask.dtype == ours.mask.dtype == np.float32
    assert 0 <= planes.min() < planes.max() < 255.01  # a rounding of the resize above


def test_a_measurement_and_a_profile_say_what_they_measured():
    result = measure(WORKLOADS[0], rounds=1, batches=1)
    assert {"jvlgs", "plain loop"} <= set(result.clips_per_second)
    assert all(rate > 0 for rate in result.clips_per_second.values())
    assert str(result).startswith("T=3, 352x352, grey video: jvlgs ")
    stages = profile(WORKLOADS[0], clips=2)
    assert next(iter(stages)) == "read"
    assert {"Rotation", "JpegArtefacts", "finish"} <= set(stages)
