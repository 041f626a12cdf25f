from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

import numpy as np
import pytest
import tensorflow_datasets as tfds

from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.records.prepare import prepare
from jvlgs_jax.data.records.reader import RecordReader
from jvlgs_jax.errors import UserError
from jvlgs_jax.simulation import clip_records, records
from jvlgs_jax.simulation.clip import SimulatedClip
from jvlgs_jax.simulation.planes import temporal_planes


@pytest.fixture
def small_preset(monkeypatch, small_family):
    monkeypatch.setattr(records, "preset", lambda name: small_family)
    monkeypatch.setattr(records, "CLIPS_PER_SHARD", 2)


@pytest.fixture
def stand_ins(monkeypatch, small_preset):
    """Puts clips in the simulator's place that cost nothing, and returns the numbers of those that are made."""
    made = []

    def stand_in(config, indices, *, abreast):
        made.extend(indices.tolist())
        count, shape = len(indices), (len(indices), 3, 8, 16)
        return SimulatedClip(
            frames=np.broadcast_to(10 * np.asarray(indices, np.uint8)[:, None, None, None], shape),
            background=np.zeros((count, *shape[2:]), np.float32),
            short_term=np.zeros((count, *shape[2:]), np.float32),
            age=np.zeros(count, np.int32),
            optical_depth=np.zeros(shape, np.float16),
            contrast=np.zeros(shape, np.float16),
            mask=np.ones(shape, np.uint8),
            steam=np.zeros(shape, np.uint8),
            leaking=np.ones((count, 3), bool),
            visibility=np.ones((count, 3), np.float32),
            source=np.zeros((count, 3, 2), np.float32),
            parameters=(),
        )

    monkeypatch.setattr(records, "simulate_batch", stand_in)
    monkeypatch.setattr(clip_records, "caption", lambda clip: "a stand-in")
    return made


@pytest.mark.slow
def test_records_hold_the_clips_their_history_and_all_the_truth(tmp_path, small_preset, small_clips):
    index = prepare("plume_sim/simgas_like", manual_dir=None, data_dir=tmp_path, clips=5)
    assert len(index.scenes) == 5
    assert len(list(tmp_path.glob("plume_sim/simgas_like/1.0.0/*.array_record-*"))) == 3
    assert not list(tmp_path.glob("plume_sim/.unfinished*"))
    reader = RecordReader(tmp_path, "plume_sim/simgas_like", input_planes("temporal"))
    numbers = np.arange(7)
    for clip in range(5):
        sample = reader.read(clip, numbers, numbers)
        planes = np.asarray(temporal_planes(small_clips))[clip]
        np.testing.assert_allclose(sample.planes, planes, atol=0.02)
        np.testing.assert_array_equal(sample.mask[:7, ..., 0], small_clips.mask[clip] == 1)
        np.testing.assert_array_equal(sample.mask[7:, ..., 0], small_clips.mask[clip] == 255)
    record = tfds.builder_from_directory(tmp_path / "plume_sim/simgas_like/1.0.0").as_data_source("train")[3]
    depth = np.stack(list(record["optical_depth"]))[..., 0].view(np.float16)
    np.testing.assert_array_equal(depth, small_clips.optical_depth[record["index"]])
    assert record["caption"]


def test_an_interrupted_build_goes_on_with_the_next_shard(tmp_path, stand_ins, monkeypatch):
    made, simulate = [], records.simulate_batch

    def broken(config, indices, *, abreast):
        (index,) = indices.tolist()
        if index == 3 and 3 not in made:
            made.append(index)
            raise KeyboardInterrupt
        made.append(index)
        return simulate(config, indices, abreast=abreast)

    monkeypatch.setattr(records, "simulate_batch", broken)
    with pytest.raises(KeyboardInterrupt):
        prepare("plume_sim/simgas_like", manual_dir=None, data_dir=tmp_path, clips=4)
    prepare("plume_sim/simgas_like", manual_dir=None, data_dir=tmp_path, clips=4)
    assert made == [0, 1, 2, 3, 2, 3]


def test_a_prepared_dataset_grows_by_the_clips_it_lacks_though_interrupted(tmp_path, stand_ins, monkeypatch):
    def grow(clips=None):
        return prepare("plume_sim/simgas_like", manual_dir=None, data_dir=tmp_path, clips=clips)

    def interrupted(config, indices, *, abreast):
        if 5 in indices.tolist():
            raise KeyboardInterrupt
        return simulate(config, indices, abreast=abreast)

    grow(3)
    with monkeypatch.context() as patch:
        simulate = records.simulate_batch
        patch.setattr(records, "simulate_batch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            grow(6)
    assert len(grow().scenes) == 3  # still whole
    grow(6)
    assert stand_ins == [0, 1, 2, 3, 4, 5]
    assert len(grow(2).scenes) == 6  # never shrinks
    reader = RecordReader(tmp_path, "plume_sim/simgas_like", input_planes("temporal"))
    assert [scene.name for scene in reader.scenes] == [f"simgas_like_{clip:08d}" for clip in range(6)]
    for clip in range(6):
        assert (reader.read(clip, np.arange(3), np.arange(3)).planes[..., 0] == 10 * clip).all()
    assert not list(tmp_path.glob("plume_sim/.unfinished*"))


def test_clips_made_abreast_are_recorded_in_order(tmp_path, stand_ins):
    prepare("plume_sim/simgas_like", manual_dir=None, data_dir=tmp_path, clips=5, abreast=2)
    assert stand_ins == [0, 1, 2, 3, 4]
    reader = RecordReader(tmp_path, "plume_sim/simgas_like", input_planes("temporal"))
    for clip in range(5):
        assert (reader.read(clip, np.arange(3), np.arange(3)).planes[..., 0] == 10 * clip).all()


@pytest.mark.slow
def test_several_processes_make_the_same_records(tmp_path, small_preset, small_clips):
    prepare("plume_sim/simgas_like", manual_dir=None, data_dir=tmp_path, clips=4, workers=2)
    reader = RecordReader(tmp_path, "plume_sim/simgas_like", input_planes("temporal"))
    assert [scene.name for scene in reader.scenes] == [f"simgas_like_{clip:08d}" for clip in range(4)]
    for clip in range(4):
        frames = reader.read(clip, np.arange(7), np.arange(7)).planes[..., 0]
        np.testing.assert_array_equal(frames, small_clips.frames[clip])


def test_a_process_that_is_killed_is_told_and_what_is_finished_is_kept(tmp_path, stand_ins, monkeypatch):
    def call_here(calls, workers):
        yield 0, calls[0]()
        raise BrokenProcessPool

    with monkeypatch.context() as patch:
        patch.setattr(records, "call_in_processes", call_here)
        with pytest.raises(UserError, match=r"was killed.*use less than --workers=2.*the same command goes on"):
            prepare("plume_sim/simgas_like", manual_dir=None, data_dir=tmp_path, clips=4, workers=2)
    prepare("plume_sim/simgas_like", manual_dir=None, data_dir=tmp_path, clips=4)
    assert sorted(stand_ins) == [0, 1, 2, 3]


def test_clips_are_made_by_one_process_one_at_a_time_at_least(tmp_path):
    with pytest.raises(UserError, match="--abreast is 0, the least is 1: use 32 on an accelerator, 1 on a CPU"):
        prepare("plume_sim/faint", manual_dir=None, data_dir=tmp_path, clips=1, abreast=0)
    with pytest.raises(UserError, match="--workers is 0, the least is 1"):
        prepare("plume_sim/faint", manual_dir=None, data_dir=tmp_path, clips=1, workers=0)


def test_a_dataset_of_another_form_of_the_preset_does_not_grow(tmp_path, stand_ins, small_family, monkeypatch):
    prepare("plume_sim/simgas_like", manual_dir=None, data_dir=tmp_path, clips=1)
    monkeypatch.setattr(records, "preset", lambda name: replace(small_family, seed=1))
    with pytest.raises(UserError, match="its 1 clips are of another form of preset simgas_like"):
        prepare("plume_sim/simgas_like", manual_dir=None, data_dir=tmp_path, clips=2)


def test_a_number_of_clips_is_asked_for(tmp_path):
    with pytest.raises(UserError, match="say how many clips to make, --clips=1000"):
        prepare("plume_sim/faint", manual_dir=None, data_dir=tmp_path)
    with pytest.raises(UserError, match="--abreast and --workers are for simulated clips: add --clips"):
        prepare("plume_sim/faint", manual_dir=None, data_dir=tmp_path, workers=2)
    with pytest.raises(UserError, match="simgas is not simulated: leave --clips out"):
        prepare("simgas", manual_dir=tmp_path, data_dir=tmp_path, clips=3)
