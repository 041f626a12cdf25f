from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.records import FrameRecord, compare, load_records, save_records

masks = arrays(np.uint8, (9, 11), elements=st.integers(0, 1))
counts = st.integers(0, 10**9)
records = st.builds(
    FrameRecord,
    st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1),
    *[counts] * 5,
    st.floats(0, 1, width=32),
    *[counts] * 4,
)


@given(masks, masks)
def test_the_counts_share_out_the_frame(mask, truth):
    record = compare("scene", 3, mask, truth)
    assert record.tp + record.fp + record.fn + record.tn == mask.size
    assert record.predicted_area == mask.sum()
    assert record.truth_area == truth.sum()
    assert record.tp == (mask & truth).sum()
    assert isnan(record.max_probability)


def test_the_largest_probability_is_kept():
    mask = np.zeros((4, 4), np.uint8)
    probability = np.linspace(0, 0.25, 16, dtype=np.float32).reshape(4, 4)
    assert compare("scene", 0, mask, mask, probability).max_probability == 0.25


@given(st.dictionaries(st.sampled_from(["model", "mog2"]), st.lists(records, min_size=1)))
def test_a_saved_table_loads_as_it_was(tmp_path_factory, methods):
    path = tmp_path_factory.mktemp("records") / "records.csv"
    save_records(path, methods)
    assert load_records(path) == methods


def test_a_scene_whose_name_is_not_utf_8_survives_the_table(tmp_path):
    written = {"model": [FrameRecord("caf\udce9", 0, 1, 2, 3, 4, 0.5, 5, 6, 7, 8)]}
    save_records(tmp_path / "r.csv", written)
    assert load_records(tmp_path / "r.csv") == written


def test_a_missing_probability_survives_the_table(tmp_path):
    save_records(tmp_path / "r.csv", {"mog2": [FrameRecord("a", 0, 1, 2, 3, 4, nan, 5, 6, 7, 8)]})
    assert isnan(load_records(tmp_path / "r.csv")["mog2"][0].max_probability)


@pytest.mark.parametrize("damage", ["model,a,1", "model,a,x,1,1,1,1,0.5,1,1,1,1", ""])
def test_a_damaged_line_is_named(tmp_path, damage):
    path = tmp_path / "records.csv"
    save_records(path, {"model": [FrameRecord("a", 0, 1, 2, 3, 4, 0.5, 5, 6, 7, 8)]})
    path.write_text(path.read_text() + damage + "\n")
    with pytest.raises(UserError, match="line 3 is damaged"):
        load_records(path)


def test_other_tables_and_missing_files_are_refused(tmp_path):
    (tmp_path / "frames.csv").write_text("frame,time\n0,0\n")
    with pytest.raises(UserError, match=r"frames\.csv: the first line"):
        load_records(tmp_path / "frames.csv")
    with pytest.raises(UserError, match=r"gone\.csv: no such file"):
        load_records(tmp_path / "gone.csv")
