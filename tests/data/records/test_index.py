import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.data.gain import Gain
from jvlgs_jax.data.records.index import (
    AreaStatistics,
    RecordIndex,
    SceneRecords,
    find_dataset,
    is_prepared,
    read_index,
)
from jvlgs_jax.data.scene import SceneInfo
from jvlgs_jax.errors import UserError


def scene_records(leak, **changes):
    info = SceneInfo(
        name="3_bats",
        group="group_3",
        source="simgas",
        split=None,
        length=5 if leak is None else len(leak),
        size=(240, 320),
        frames_per_second=14.9,
        leak=None if leak is None else np.array(leak, bool),
    )
    values = {"info": info, "records": "train", "first": 7, "channels": 1, "gain": None, "areas": None}
    return SceneRecords(**{**values, **changes})


def written(folder, index):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metadata.json").write_text(json.dumps(index.to_metadata()))
    return folder


@given(leak=st.none() | st.lists(st.booleans(), min_size=1, max_size=40))
def test_an_index_reads_back(tmp_path_factory, leak):
    scene = scene_records(leak, gain=Gain(10.5, 9000.25), areas=AreaStatistics(0.1, 0.2, 0.3))
    index = RecordIndex(frames_per_record=8, scenes=(scene,), skipped=("4: cut short",))
    (back,) = (read := read_index(written(tmp_path_factory.mktemp("index"), index))).scenes
    assert (read.frames_per_record, read.skipped) == (8, ("4: cut short",))
    assert (back.records, back.first, back.channels, back.gain, back.areas) == (
        "train",
        7,
        1,
        scene.gain,
        scene.areas,
    )
    np.testing.assert_array_equal(back.info.leak, scene.info.leak)
    for field in ("name", "group", "source", "split", "length", "size", "frames_per_second"):
        assert getattr(back.info, field) == getattr(scene.info, field)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1}'])
def test_a_damaged_index(tmp_path, content):
    (tmp_path / "metadata.json").write_text(content)
    with pytest.raises(UserError, match=r"metadata\.json: not the index of a prepared dataset"):
        read_index(tmp_path)


def test_another_format(tmp_path):
    (tmp_path / "metadata.json").write_text('{"format": 99}')
    with pytest.raises(UserError, match="format 99, this version reads format 1: prepare the dataset again"):
        read_index(tmp_path)


def test_the_newest_version_of_the_only_configuration_is_found(tmp_path):
    for version in ("1.0.0", "1.10.0", "1.9.0"):
        (tmp_path / "simgas" / "over_20" / version).mkdir(parents=True)
    assert find_dataset(tmp_path, "simgas") == tmp_path / "simgas" / "over_20" / "1.10.0"
    assert find_dataset(tmp_path, "simgas/over_20").name == "1.10.0"


def test_two_configurations_must_be_told_apart(tmp_path):
    for name in ("over_20", "over_127"):
        (tmp_path / "simgas" / name / "1.0.0").mkdir(parents=True)
    with pytest.raises(UserError, match="prepared as over_127, over_20: choose simgas/over_127"):
        find_dataset(tmp_path, "simgas")


@pytest.mark.parametrize(
    ("dataset", "source"),
    [("igs", "--manual-dir=DIR"), ("plume_sim", "--clips=1000"), ("plume_sim/faint", "--clips=1000")],
)
def test_what_is_not_prepared_says_how(tmp_path, dataset, source):
    with pytest.raises(UserError, match=f"no prepared dataset: run jvlgs prepare --dataset={dataset} {source} "):
        find_dataset(tmp_path, dataset)


@pytest.mark.parametrize("place", ["igs/1.0.0", "simgas/over_20/1.0.0"])
def test_prepared_data_is_told_from_raw(tmp_path, place):
    assert not is_prepared(tmp_path)
    written(tmp_path / place, RecordIndex(frames_per_record=8, scenes=(), skipped=()))
    assert is_prepared(tmp_path)
