"""frames.parquet: the rows of frames.csv with their types, for data frames and databases."""

from pathlib import Path
from typing import get_type_hints

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from jvlgs_jax.inference.frame_table import FrameRow
from jvlgs_jax.inference.output_folder import PARQUET, TABLE
from jvlgs_jax.inference.replacement import replacement

_TYPES = {int: pa.int64(), float: pa.float64(), int | None: pa.int64(), float | None: pa.float64()}


def write_parquet(output: Path) -> None:
    """Writes the rows of a finished prediction in the folder `output` once more, as Parquet.

    An earlier file is replaced once this one is whole. Memory does not grow with the video. What is said of a mask is
    null where the mask is empty.
    """
    types = {name: _TYPES[kind] for name, kind in get_type_hints(FrameRow).items()}
    options = pa.csv.ConvertOptions(column_types=types)
    with (  # files, not their names, which Arrow takes for text in UTF-8
        (output / TABLE).open("rb") as table,
        pa.csv.open_csv(table, convert_options=options) as rows,
        replacement(output / PARQUET) as partial,
        partial.open("wb") as file,
        pa.parquet.ParquetWriter(file, rows.schema) as writer,
    ):
        for batch in rows:
            writer.write_batch(batch)
