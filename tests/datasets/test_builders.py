"""Each builder on a small fixture in the exact layout of its dataset."""

import importlib
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core import dataset_metadata

from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.records import builder as gas_builder
from jvlgs_jax.data.records.prepare import DATASETS, prepare
from jvlgs_jax.data.records.reader import RecordReader
from jvlgs_jax.errors import UserError

ROOT = Path(__file__).parents[2]
GAS = np.zeros((8, 12), np.uint8)
GAS[2:5, 3:9] = 1


def image(path: Path, pixels: int | np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((8, 12), pixels, np.uint8) if isinstance(pixels, int) else pixels)


def simgas(root: Path) -> None:
    for number, level in enumerate((100, 100, 200)):
        image(root / "3_bats" / "images" / f"{number}.jpg", 90)
        image(root / "3_bats" / "masks" / f"{number}.png", level * GAS)


def splits(root: Path, names: tuple[str, ...] = ("train", "val")) -> None:
    for split in names:
        image(root / split / "MOV_7" / "images" / "1.jpg", 90)
        image(root / split / "MOV_7" / "masks" / "1.png", 255 * GAS)


def igs(root: Path) -> None:
    for split in ("train", "val"):
        image(root / "gasmmsegdata" / "img_dir" / split / "a.png", 90)
        image(root / "gasmmsegdata" / "ann_dir" / split / "a.png", GAS)


def recordings(root: Path) -> None:
    for number in range(1, 4):
        image(root / "MOV_7" / f"frame_{number:05d}.png", 90)


def cgd(root: Path) -> None:
    image(root / "images" / "4" / "bg.png", 80)
    image(root / "images" / "4" / "gas.png", 90)
    image(root / "labels" / "4" / "gt.png", 255 * GAS)


def gas_db(root: Path) -> None:
    for split, name in (("train", "1"), ("test", "2")):
        image(root / "images" / f"{name}.png", np.full((8, 12, 4), (5, 6, 7, 90), np.uint8))
        image(root / "labels" / f"{name}.png", GAS)
        (root / f"{split}.txt").write_text(f"{name}\n")


def gas_folder(root: Path) -> None:
    image(root / "yard" / "1.png", 90)


FIXTURES = {  # how to make it, then (scene, group, split, frames, frames with gas or None)
    "simgas/over_20": (simgas, [("3_bats", "group_3", None, 3, 3)]),
    "simgas/over_127": (simgas, [("3_bats", "group_3", None, 3, 1)]),
    "igs_few": (splits, [("train/MOV_7", "MOV_7", "train", 1, 1), ("val/MOV_7", "MOV_7", "val", 1, 1)]),
    "igs": (igs, [("train/a", "igs_train", "train", 1, 1), ("val/a", "igs_val", "val", 1, 1)]),
    "gasvid/recordings": (recordings, [("MOV_7", "MOV_7", None, 3, None)]),
    "gasvid/fgstp": (splits, [("train/MOV_7", "MOV_7", "train", 1, 1), ("val/MOV_7", "MOV_7", "val", 1, 1)]),
    "cgd": (cgd, [("4", "", None, 2, 1)]),
    "gas_db": (gas_db, [("train/1", "gas_db_train", "train", 1, 1), ("test/2", "gas_db_test", "test", 1, 1)]),
    "gas_folder": (gas_folder, [("yard", "yard", None, 1, None)]),
}


@pytest.mark.parametrize("dataset", FIXTURES)
def test_a_builder_reads_its_layout(dataset, tmp_path):
    make, expected = FIXTURES[dataset]
    make(tmp_path / "raw")
    prepare(dataset, manual_dir=tmp_path / "raw", data_dir=tmp_path / "data")
    reader = RecordReader(tmp_path / "data", dataset, input_planes("grey"))
    found = [(s.name, s.group, s.split, s.length, None if s.leak is None else s.leak.sum()) for s in reader.scenes]
    for ours, (name, group, *rest) in zip(found, expected, strict=True):
        assert ours[0] == name
        assert group in ours[1]
        assert list(ours[2:]) == rest
    assert {scene.source for scene in reader.scenes} == {dataset.partition("/")[0]}
    for number, scene in enumerate(reader.scenes):
        reader.check(number)
        planes = reader.read(number, np.array([scene.length - 1]), np.arange(0)).planes
        np.testing.assert_allclose(planes, 90, atol=1)


def test_tfds_itself_reads_what_was_prepared(tmp_path):
    simgas(tmp_path / "raw")
    prepare("simgas", manual_dir=tmp_path / "raw", data_dir=tmp_path)
    builder = tfds.builder_from_directory(tmp_path / "simgas" / "over_20" / "1.0.0")
    assert builder.info.splits["train"].num_examples == 1
    (record,) = builder.as_data_source("train")
    assert np.shape(record["frames"]) == (3, 8, 12, 3)
    np.testing.assert_array_equal(np.array(record["masks"])[..., 0] > 0, np.broadcast_to(GAS, (3, 8, 12)))
    assert all(record["leak"])
    assert record["group"] == b"group_3"


def test_many_shards_read_as_one(tmp_path, monkeypatch):
    draws = np.random.default_rng(0)
    for scene in ("a", "b"):
        for number in range(20):
            image(tmp_path / "raw" / scene / f"{number}.png", draws.integers(0, 256, (8, 12), dtype=np.uint8))
    prepare("gas_folder", manual_dir=tmp_path / "raw", data_dir=tmp_path / "one")
    monkeypatch.setattr(gas_builder, "SHARD_BYTES", 1500)
    prepare("gas_folder", manual_dir=tmp_path / "raw", data_dir=tmp_path / "many")
    assert len(list((tmp_path / "many").glob("*/*/*.array_record-*"))) > 2
    one, many = (RecordReader(tmp_path / name, "gas_folder", input_planes("temporal")) for name in ("one", "many"))
    for scene in range(2):
        frames = np.arange(20)
        np.testing.assert_array_equal(
            one.read(scene, frames, frames[:0]).planes, many.read(scene, frames, frames[:0])[0]
        )


@pytest.mark.parametrize("name", DATASETS)
def test_a_builders_folder_is_complete(name):
    metadata = dataset_metadata.load(
        importlib.import_module(f"jvlgs_datasets.{name}.{name}_dataset_builder").Builder.pkg_dir_path
    )
    assert metadata.description.startswith("# ")
    assert metadata.citation.strip()
    assert metadata.tags
    assert set(metadata.tags) <= set(dataset_metadata.valid_tags())


def test_the_prepared_names_are_the_folders():
    assert sorted(DATASETS) == sorted(path.parent.name for path in (ROOT / "datasets").glob("*/*_dataset_builder.py"))


@pytest.mark.parametrize("name", [name for name in DATASETS if name != "plume_sim"])
def test_nothing_to_read_says_what_to_get_and_what_is_there(name, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "readme.txt").touch()
    with pytest.raises(UserError, match=r"raw: no .*\. It holds readme\.txt\. .*--manual-dir|\bmasks\b") as raised:
        prepare(name, manual_dir=tmp_path / "raw", data_dir=tmp_path)
    assert "\n" not in str(raised.value)
    assert re.search(r"https://|your own|Nothing to download", str(raised.value))
    with pytest.raises(UserError, match=r"gone: no such folder\. \w+"):
        prepare(name, manual_dir=tmp_path / "gone", data_dir=tmp_path)


def run_python(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_neither_building_nor_reading_imports_tensorflow(tmp_path):
    simgas(tmp_path / "raw")
    printed = run_python(
        """
        import sys
        from pathlib import Path
        import numpy as np
        from jvlgs_jax.cli.main import main
        from jvlgs_jax.data.planes import input_planes
        from jvlgs_jax.data.records.reader import RecordReader

        raw, data = sys.argv[1:]
        assert main(["prepare", "--dataset=simgas", f"--manual-dir={raw}", f"--data-dir={data}"]) == 0
        RecordReader(Path(data), "simgas", input_planes("temporal")).read(0, np.arange(3), np.arange(1))
        print("loaded:", sorted({"tensorflow", "torch", "clu"} & set(sys.modules)))
        """,
        str(tmp_path / "raw"),
        str(tmp_path / "data"),
    )
    assert "loaded: []" in printed


@pytest.mark.slow
@pytest.mark.parametrize("first", ["theirs", "checkout"])
def test_hugging_faces_datasets_is_left_alone(tmp_path, first):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("owner = 'theirs'\n")
    paths = [str(tmp_path), str(ROOT)]
    printed = run_python(
        """
        import sys
        sys.path[:0] = sys.argv[1:]
        import datasets
        from jvlgs_datasets.simgas.simgas_dataset_builder import Builder
        print(datasets.owner, Builder.name)
        """,
        *(paths if first == "theirs" else reversed(paths)),
    )
    assert printed.split() == ["theirs", "simgas"]


def test_an_installation_holds_the_builders_under_a_name_of_their_own(tmp_path):
    for name in ("jvlgs_jax", "datasets", "tests/datasets"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build", "--build-lib", "installed"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    installed = tmp_path / "installed"
    assert sorted(path.name for path in installed.iterdir()) == ["jvlgs_datasets", "jvlgs_jax"]
    for name in DATASETS:
        for file in (f"{name}_dataset_builder.py", "README.md", "CITATIONS.bib", "TAGS.txt"):
            assert (installed / "jvlgs_datasets" / name / file).is_file()
