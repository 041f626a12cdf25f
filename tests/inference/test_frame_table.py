import csv

import numpy as np
import pytest

from jvlgs_jax.inference.frame_table import FrameRow, FrameTable, describe_frame


def test_a_rectangle_is_described_by_its_place_and_size():
    mask = np.zeros((10, 20), np.uint8)
    mask[2:5, 7:11] = 1
    probability = np.full((10, 20), 0.1, np.float32)
    probability[3, 8] = 0.75
    row = describe_frame(30, 2.0, probability, mask)
    assert row == FrameRow(30, 2.0, 0.75, 12, 0.06, 7, 2, 4, 3, 8.5, 3.0)


def test_the_box_holds_all_parts_of_the_mask():
    mask = np.zeros((10, 20), np.uint8)
    mask[0, 0] = mask[9, 19] = 1
    row = describe_frame(0, 0.0, mask.astype(np.float32), mask)
    assert (row.box_x, row.box_y, row.box_w, row.box_h) == row.box == (0, 0, 20, 10)
    assert (row.centroid_x, row.centroid_y) == (9.5, 4.5)


def test_an_empty_mask_has_no_place():
    row = describe_frame(0, 0.0, np.full((4, 4), 0.4, np.float32), np.zeros((4, 4), np.uint8))
    assert row.area_px == 0
    assert row.max_probability == pytest.approx(0.4)
    assert row[5:11] == (None,) * 6
    assert row.box is None


def test_the_table_goes_on_where_it_was_saved_and_reads_back_with_its_header(tmp_path):
    path = tmp_path / "frames.csv"
    empty = describe_frame(0, 0.0, np.zeros((4, 4), np.float32), np.zeros((4, 4), np.uint8))
    full = describe_frame(1, 1 / 15, np.ones((4, 4), np.float32), np.ones((4, 4), np.uint8))
    table = FrameTable(path)
    table.write(empty)
    length = table.saved()
    table.write(empty)  # lost with the process
    table.close()
    table = FrameTable(path, length)
    table.write(full._replace(alarm=1))
    table.close()
    with path.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["alarm"], second["alarm"], second["suspended"]) == ("0", "1", "0")
    assert first["box_x"] == first["centroid_y"] == ""
    assert second["time_s"] == "0.066667"
    assert second["area_px"] == "16"
    assert second["centroid_x"] == "1.5"
