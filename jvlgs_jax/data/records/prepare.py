"""Builds the TFDS datasets of `datasets/`, and checks those that are built."""

import contextlib
import difflib
import importlib
import io
from collections.abc import Generator
from pathlib import Path

from absl import logging
from tqdm import tqdm

from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.records.index import RecordIndex, find_dataset, read_index
from jvlgs_jax.data.records.reader import RecordReader
from jvlgs_jax.errors import UserError

DATASETS = ("simgas", "igs_few", "igs", "gasvid", "cgd", "gas_db", "gas_folder", "plume_sim")


def prepare(
    dataset: str,
    *,
    manual_dir: Path | None,
    data_dir: Path,
    skip_bad: bool = False,
    clips: int | None = None,
    abreast: int = 1,
    workers: int = 1,
) -> RecordIndex:
    """Builds the dataset from `manual_dir` into `data_dir`, or checks it where it is built already.

    Args:
        dataset: one of `DATASETS`, with a configuration after a slash where it has several ("simgas/over_127").
        manual_dir: where the downloaded data is; of what is built already, it must not have changed since. None, or a
            folder that is gone by then, only checks.
        data_dir: where the records go.
        clips: how many to make of a simulated dataset; one that has fewer grows.
        abreast: how many of them are made at a time, see `simulate_batch`.
        workers: processes that make them.
        skip_bad: leave damaged scenes out, and list them in the index, instead of raising at the first.

    UserError for an unknown dataset, data that is not there or damaged or not what was prepared, and damaged records.
    """
    # Imported here: TFDS takes half a second, and the names above are wanted without it.
    import tensorflow_datasets as tfds

    name, _, configuration = dataset.partition("/")
    builder_class = importlib.import_module(f"jvlgs_datasets.{_known(name)}.{name}_dataset_builder").Builder
    known = builder_class.builder_configs
    if configuration and configuration not in known:
        raise UserError(f"unknown configuration {dataset!r}: {name} has {', '.join(known) or 'none'}")
    with _tfds_quiet():
        options = {"skip_bad": skip_bad} | (
            {} if clips is None else {"clips": clips, "abreast": abreast, "workers": workers}
        )
        if clips is None and (abreast, workers) != (1, 1):
            raise UserError("--abreast and --workers are for simulated clips: add --clips, or leave them out")
        if clips is not None and not builder_class.simulated:
            raise UserError(f"--clips is {clips}, but {name} is not simulated: leave --clips out")
        builder = builder_class(data_dir=data_dir, config=configuration or None, **options)
        prepared = builder.is_prepared()
    if prepared and clips is not None and clips > len(read_index(Path(builder.data_dir)).scenes):
        with _tfds_quiet():
            builder.grow()
            builder = builder_class(data_dir=data_dir, config=configuration or None, **options)
        prepared = False
    if prepared:
        if manual_dir is not None:
            builder.check_source(manual_dir)
        return _checked(data_dir, dataset if configuration or not known else f"{name}/{builder.builder_config.name}")
    if builder_class.simulated and clips is None:
        raise UserError(f"{builder.data_dir}: not prepared yet: say how many clips to make, --clips=1000")
    if manual_dir is None and not builder_class.simulated:
        raise UserError(f"{builder.data_dir}: not prepared yet: give the folder of the downloaded data, --manual-dir")
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    with _tfds_quiet():
        builder.download_and_prepare(download_config=config)
    return read_index(Path(builder.data_dir))


@contextlib.contextmanager
def _tfds_quiet() -> Generator[None]:
    """Keeps TFDS from talking of downloads, of which there are none, and from warning of what is not built yet."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(verbosity)


def _known(name: str) -> str:
    if name not in DATASETS:
        guess = difflib.get_close_matches(name, DATASETS, n=1)
        hint = f"did you mean {guess[0]!r}?" if guess else "use gas_folder for data of your own"
        raise UserError(f"unknown dataset {name!r}: the choices are {', '.join(DATASETS)}; {hint}")
    return name


def _checked(data_dir: Path, dataset: str) -> RecordIndex:
    reader = RecordReader(data_dir, dataset, input_planes("rgb"))
    for scene in tqdm(range(len(reader.scenes)), desc=f"{dataset} check", unit="scene", leave=False):
        reader.check(scene)
    return read_index(find_dataset(data_dir, dataset))
