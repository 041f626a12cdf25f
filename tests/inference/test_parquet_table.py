import os

import numpy as np
import pyarrow.parquet

from jvlgs_jax.inference.frame_table import FrameRow, FrameTable, describe_frame
from jvlgs_jax.inference.output_folder import PARQUET, TABLE
from jvlgs_jax.inference.parquet_table import write_parquet


def test_it_holds_the_rows_of_the_table_with_their_types(tmp_path):
    empty, square = np.zeros((6, 8), np.uint8), np.zeros((6, 8), np.uint8)
    square[1:3, 2:5] = 1
    probability = np.full((6, 8), 0.25, np.float32)
    rows = [describe_frame(k, k / 15, probability, mask) for k, mask in enumerate((empty, square, empty))]
    table = FrameTable(tmp_path / TABLE)
    for row in rows:
        table.write(row)
    table.close()
    write_parquet(tmp_path)
    assert [FrameRow(**row) for row in pyarrow.parquet.read_table(tmp_path / PARQUET).to_pylist()] == rows
    assert sorted(path.name for path in tmp_path.iterdir()) == [TABLE, PARQUET]


def test_of_a_video_that_never_shows_gas_boxes_are_still_numbers(tmp_path):
    table = FrameTable(tmp_path / TABLE)
    table.write(FrameRow(0, 0.0, 0.1, 0, 0.0))
    table.close()
    write_parquet(tmp_path)
    schema = pyarrow.parquet.read_schema(tmp_path / PARQUET)
    assert [str(schema.field(name).type) for name in ("box_x", "centroid_x")] == ["int64", "double"]


def test_a_folder_whose_name_is_not_utf_8_has_it_too(tmp_path):
    output = tmp_path / os.fsdecode(b"yard\xe9")
    output.mkdir()
    table = FrameTable(output / TABLE)
    table.write(FrameRow(0, 0.0, 0.1, 0, 0.0))
    table.close()
    write_parquet(output)
    with (output / PARQUET).open("rb") as file:
        assert pyarrow.parquet.read_table(file)["max_probability"].to_pylist() == [0.1]
