import dataclasses

import numpy as np
import pytest

from jvlgs_jax.data.augmentation.config import AugmentationConfig
from jvlgs_jax.data.batches import DataConfig, training_clips
from jvlgs_jax.data.clip_source import ClipSource
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.data.throughput import (
    EVERYTHING,
    FRAMES,
    WORKLOADS,
    measure,
    plain_clips,
    profile,
    recorded,
    write_video,
)


def test_nothing_is_left_out_of_everything():
    for field in dataclasses.fields(AugmentationConfig):
        if field.name.endswith("_probability"):
            assert getattr(EVERYTHING, field.name) == 1, field.name
    assert min(EVERYTHING.exposure_drift, EVERYTHING.temporal_noise, EVERYTHING.fixed_pattern_noise) > 0


def test_workloads_are_the_two_sizes_of_each_kind_of_planes():
    assert [(w.length, w.size) for w in WORKLOADS] == [(3, (352, 352)), (8, (256, 320))] * 3
    kinds = [("rgb", False), ("temporal", False), ("rgb", True)]
    assert [(w.planes, w.colors) for w in WORKLOADS[::2]] == kinds


@pytest.mark.slow
@pytest.mark.parametrize("workload", WORKLOADS[1::2], ids=str)
def test_both_contestants_make_the_same_kind_of_clip(tmp_path, workload):
    workload = dataclasses.replace(workload, length=4, size=(64, 80))
    frames, masks = write_video(tmp_path, colors=workload.colors)
    assert len(frames) == len(masks) == FRAMES
    planes, mask = plain_clips(workload, frames, masks, tmp_path)[3]
    config = DataConfig(
        planes=workload.planes, input_size=(64, 80), clips=ClipConfig(length=4), augmentation=EVERYTHING
    )
    ours = training_clips([ClipSource(reader=recorded(tmp_path, workload.planes))], config, seed=0)[3]
    assert planes.shape == ours.planes.shape == (4, 64, 80, 3)
    assert mask.shape == ours.mask.shape == (2, 64, 80, 1)
    assert planes.dtype == ours.planes.dtype == mask.dtype == ours.mask.dtype == np.float32
    assert 0 <= planes.min() < planes.max() < 255.01  # a rounding of the resize above


def test_the_plain_loop_reads_the_same_temporal_planes(tmp_path):
    workload = dataclasses.replace(WORKLOADS[2], length=8)
    frames, masks = write_video(tmp_path, colors=False)
    plain = plain_clips(workload, frames, masks, tmp_path)._read(list(range(43, 51)))
    ours = recorded(tmp_path, "temporal").read(0, np.arange(43, 51), np.arange(0)).planes
    np.testing.assert_allclose(np.stack(plain), ours, atol=1 / 128)


@pytest.mark.slow
def test_a_measurement_and_a_profile_say_what_they_measured():
    workload = WORKLOADS[2]
    result = measure(workload, rounds=1, batches=1)
    assert {"jvlgs", "plain loop"} <= set(result.clips_per_second)
    assert all(rate > 0 for rate in result.clips_per_second.values())
    assert str(result).startswith("T=3, 352x352, temporal planes of grey video: jvlgs ")
    stages = profile(workload, clips=2)
    assert next(iter(stages)) == "read"
    assert {"Rotation", "JpegArtefacts", "finish"} <= set(stages)
