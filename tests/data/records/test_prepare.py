import shutil

import cv2
import numpy as np
import pytest

from jvlgs_jax.data.records.prepare import prepare
from jvlgs_jax.errors import UserError


@pytest.fixture
def raw(tmp_path, write_image):
    """Three scenes, of which the second has a broken frame."""
    for name in ("a", "b", "c"):
        for number in range(10):
            write_image(tmp_path / "raw" / name / f"{number}.png", 10 * number)
    (tmp_path / "raw" / "b" / "9.png").write_bytes(b"no picture")
    return tmp_path / "raw"


def test_damage_stops_it_and_leaves_nothing_behind(raw, tmp_path):
    with pytest.raises(UserError, match=r"b/9\.png: not a readable image"):
        prepare("gas_folder", manual_dir=raw, data_dir=tmp_path / "data")
    assert not list((tmp_path / "data").rglob("*.json"))
    assert not list((tmp_path / "data").rglob("*record*"))


def test_skip_bad_leaves_it_out_and_lists_it(raw, tmp_path):
    index = prepare("gas_folder", manual_dir=raw, data_dir=tmp_path, skip_bad=True)
    assert [scene.info.name for scene in index.scenes] == ["a", "c"]
    (line,) = index.skipped
    assert line.startswith("b: ")
    assert "9.png: not a readable image" in line


def test_all_bad_is_an_error(tmp_path, write_image):
    write_image(tmp_path / "raw" / "a" / "1.png", 10).write_bytes(b"no picture")
    with pytest.raises(UserError, match="gas_folder: all 1 scenes are damaged, the first: a: "):
        prepare("gas_folder", manual_dir=tmp_path / "raw", data_dir=tmp_path, skip_bad=True)


def test_what_is_prepared_is_checked_without_the_raw_data(raw, tmp_path):
    (raw / "b" / "9.png").unlink()
    built = prepare("gas_folder", manual_dir=raw, data_dir=tmp_path)
    checked = prepare("gas_folder", manual_dir=None, data_dir=tmp_path)
    assert [scene.info.length for scene in checked.scenes] == [scene.info.length for scene in built.scenes]
    (shard,) = (tmp_path / "gas_folder").rglob("*.array_record-*")
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    with pytest.raises(UserError, match="missing or damaged: prepare the dataset again"):
        prepare("gas_folder", manual_dir=None, data_dir=tmp_path)


def add_a_scene(raw, write_image):
    write_image(raw / "d" / "0.png", 90)


def change_a_frame(raw, write_image):
    write_image(raw / "a" / "3.png", 200)


def lose_a_frame(raw, write_image):
    (raw / "c" / "9.png").unlink()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (add_a_scene, "scene d is new"),
        (change_a_frame, "a/3.png has changed"),
        (lose_a_frame, "c/9.png is gone"),
    ],
)
def test_a_source_that_has_changed_is_not_taken_for_what_is_prepared(raw, tmp_path, write_image, change, told):
    (raw / "b" / "9.png").unlink()
    built = prepare("gas_folder", manual_dir=raw, data_dir=tmp_path)
    prepare("gas_folder", manual_dir=raw, data_dir=tmp_path)
    change(raw, write_image)
    folder = tmp_path / "gas_folder" / "1.0.0"
    with pytest.raises(UserError, match=f"^{raw}: {told} since {folder} was prepared: remove {folder} to prepare it"):
        prepare("gas_folder", manual_dir=raw, data_dir=tmp_path)
    checked = prepare("gas_folder", manual_dir=None, data_dir=tmp_path)
    assert [scene.info.name for scene in checked.scenes] == [scene.info.name for scene in built.scenes]
    shutil.rmtree(folder)
    assert prepare("gas_folder", manual_dir=raw, data_dir=tmp_path).scenes


def test_files_beside_the_scenes_may_change(raw, tmp_path):
    prepare("gas_folder", manual_dir=raw, data_dir=raw / "records", skip_bad=True)
    (raw / "notes.txt").touch()
    (raw / "a" / ".DS_Store").touch()
    assert prepare("gas_folder", manual_dir=raw, data_dir=raw / "records", skip_bad=True).scenes


@pytest.mark.parametrize("kept", [True, False])
def test_records_outlive_their_source_and_need_not_know_it(raw, tmp_path, kept):
    (raw / "b" / "9.png").unlink()
    prepare("gas_folder", manual_dir=raw, data_dir=tmp_path)
    shutil.rmtree(raw if kept else raw / "a")
    if not kept:  # as by an earlier version
        (tmp_path / "gas_folder" / "1.0.0" / "source.json").unlink()
    assert len(prepare("gas_folder", manual_dir=raw, data_dir=tmp_path).scenes) == 3


def test_what_was_prepared_without_damaged_scenes_is_not_taken_for_all(raw, tmp_path):
    prepare("gas_folder", manual_dir=raw, data_dir=tmp_path, skip_bad=True)
    for manual_dir, skip_bad in ((None, False), (raw, True)):
        assert prepare("gas_folder", manual_dir=manual_dir, data_dir=tmp_path, skip_bad=skip_bad).skipped
    with pytest.raises(UserError, match=r"prepared without 1 damaged scenes, the first: b: .*, or add --skip-bad"):
        prepare("gas_folder", manual_dir=raw, data_dir=tmp_path)


def test_a_configuration_is_checked_by_itself(tmp_path):
    for kind in ("images", "masks"):
        (tmp_path / "raw" / "7" / kind).mkdir(parents=True)
        for number, level in enumerate((90, 140)):
            cv2.imwrite(str(tmp_path / "raw" / "7" / kind / f"{number}.png"), np.full((8, 12), level, np.uint8))
    for configuration in ("over_20", "over_127"):
        prepare(f"simgas/{configuration}", manual_dir=tmp_path / "raw", data_dir=tmp_path)
    for name, leak in {"simgas": [True, True], "simgas/over_127": [False, True]}.items():
        (scene,) = prepare(name, manual_dir=None, data_dir=tmp_path).scenes
        assert scene.info.leak.tolist() == leak


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("simgass", "unknown dataset 'simgass': the choices are simgas, .*; did you mean 'simgas'?"),
        ("simgas/over_9", "unknown configuration 'simgas/over_9': simgas has over_20, over_127"),
        ("igs/x", "unknown configuration 'igs/x': igs has none"),
        ("igs", r"igs/1\.0\.0: not prepared yet: give the folder of the downloaded data, --manual-dir"),
    ],
)
def test_bad_requests(tmp_path, dataset, message):
    with pytest.raises(UserError, match=message):
        prepare(dataset, manual_dir=None, data_dir=tmp_path)
