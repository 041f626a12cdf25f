"""What the layouts beside SimGas and JVLGS make of their files."""

import cv2
import numpy as np
import pytest

from jvlgs_jax.data.layouts import find_scenes, load_scenes
from jvlgs_jax.data.layouts.gasvid import find_gasvid_fgstp
from jvlgs_jax.errors import UserError

GAS = np.zeros((8, 12), np.uint8)
GAS[2:5, 3:9] = 1


def names_and_groups(scenes):
    return [(scene.name, scene.group, scene.source, scene.split) for scene in scenes]


def test_igs_few_keeps_a_divided_scene_one_group(tmp_path, write_image):
    for split, scene in (("train", "pipe"), ("val", "pipe"), ("val", "flare")):
        write_image(tmp_path / split / scene / "images" / "1.jpg", 90)
        write_image(tmp_path / split / scene / "masks" / "1.png", 255 * GAS)
    assert names_and_groups(find_scenes(tmp_path)) == [
        ("train/pipe", "pipe", "igs_few", "train"),
        ("val/flare", "flare", "igs_few", "val"),
        ("val/pipe", "pipe", "igs_few", "val"),
    ]
    np.testing.assert_array_equal(load_scenes(tmp_path)[0].truth, GAS[None])


@pytest.mark.parametrize("top", ["", "gasmmsegdata"])
def test_igs_images_are_scenes_of_one_frame_grouped_by_split(tmp_path, write_image, top):
    for split, name in (("train", "10"), ("train", "9"), ("val", "9")):
        write_image(tmp_path / top / "img_dir" / split / f"{name}.png", 90)
        write_image(tmp_path / top / "ann_dir" / split / f"{name}.png", GAS)
    scenes = find_scenes(tmp_path)
    assert names_and_groups(scenes) == [
        ("train/9", "igs_train", "igs", "train"),
        ("train/10", "igs_train", "igs", "train"),
        ("val/9", "igs_val", "igs", "val"),
    ]
    np.testing.assert_array_equal(scenes[0].load().truth, GAS[None])


def test_cgd_pairs_are_a_clear_frame_and_a_leak_and_share_a_group_by_background(tmp_path, write_image):
    for name, background in (("1", 40), ("2", 40), ("10", 41)):
        write_image(tmp_path / "images" / name / "bg.png", background)
        write_image(tmp_path / "images" / name / "gas.png", 60)
        write_image(tmp_path / "labels" / name / "gt.png", 129 * GAS)
    scenes = load_scenes(tmp_path)
    assert [scene.name for scene in scenes] == ["1", "2", "10"]
    assert scenes[0].group == scenes[1].group != scenes[2].group
    assert scenes[0].has_leak.tolist() == [False, True]
    assert scenes[0].frames[:, 0, 0, 0].tolist() == [40, 60]
    with pytest.raises(UserError, match="what is not 0 is 129 in all masks here, gas is brighter than 129"):
        load_scenes(tmp_path, threshold=129)


def test_gas_db_shows_the_thermal_channel_of_the_listed_images(tmp_path, write_image):
    for name in ("00012", "00013", "unlisted"):
        pixels = np.full((8, 12, 4), (200, 10, 90, 77), np.uint8)
        write_image(tmp_path / "images" / f"{name}.png", pixels)
        write_image(tmp_path / "labels" / f"{name}.png", GAS)
    (tmp_path / "train.txt").write_text("00013\n")
    (tmp_path / "test.txt").write_text("00012\n")
    scenes = load_scenes(tmp_path)
    assert [scene.name for scene in scenes] == ["train/00013", "test/00012"]
    assert scenes[0].frames.shape == (1, 8, 12, 1)
    assert (scenes[0].frames == 77).all()


def test_gasvid_recordings_have_no_truth(tmp_path, write_image, write_video):
    for number in (1, 2):
        write_image(tmp_path / "MOV_1237" / f"frame_{number:05d}.png", 10 * number)
    write_video(tmp_path / "MOV_1541.mp4", np.full((3, 48, 64), 90, np.uint8), rate=10)
    folder, video = load_scenes(tmp_path)
    assert (folder.name, folder.truth, len(folder), folder.frames_per_second) == ("MOV_1237", None, 2, 15.0)
    assert (video.name, video.truth, len(video), video.frames_per_second) == ("MOV_1541", None, 3, 10.0)


def test_the_labelled_gasvid_groups_parts_of_a_recording(tmp_path, write_image):
    for split, scene in (("train", "MOV_1237_a"), ("test", "MOV_1237_b")):
        write_image(tmp_path / split / scene / "images" / "1.jpg", 90)
        write_image(tmp_path / split / scene / "masks" / "1.png", 255 * GAS)
    expected = [
        ("train/MOV_1237_a", "MOV_1237", "gasvid", "train"),
        ("test/MOV_1237_b", "MOV_1237", "gasvid", "test"),
    ]
    assert names_and_groups(find_gasvid_fgstp(tmp_path)) == expected
    assert names_and_groups(find_scenes(tmp_path)) == expected


def test_gas_folder_takes_videos_and_frames_with_masks_and_without(tmp_path, write_image, write_video):
    clip = np.full((3, 48, 64), 90, np.uint8)
    big_gas = cv2.resize(GAS, (64, 48), interpolation=cv2.INTER_NEAREST)
    for name in ("plain", "filmed", "drawn"):
        write_video(tmp_path / f"{name}.avi", clip)
    (tmp_path / "masks").mkdir()
    write_video(tmp_path / "masks" / "filmed.mp4", np.stack([0 * big_gas, 255 * big_gas, 255 * big_gas]))
    for number in range(3):
        write_image(tmp_path / "masks" / "drawn" / f"{number}.png", big_gas)
        write_image(tmp_path / "frames" / f"{number}.png", 90)
        write_image(tmp_path / "labelled" / "images" / f"{number}.png", 90)
        write_image(tmp_path / "labelled" / "masks" / f"{number}.png", 255 * GAS)
    leaks = {s.name: s.truth if s.truth is None else s.has_leak.tolist() for s in load_scenes(tmp_path, "gas_folder")}
    assert leaks == {
        "drawn": [True] * 3,
        "filmed": [False, True, True],
        "frames": None,
        "labelled": [True] * 3,
        "plain": None,
    }


def test_what_is_hidden_is_no_scene_and_no_truth(tmp_path, write_image):
    for scene in ("yard", ".ipynb_checkpoints"):
        write_image(tmp_path / "frames" / scene / "1.png", 90)
        for kind in ("images", "masks"):
            write_image(tmp_path / "folders" / "train" / scene / kind / "1.png", 200)
        for name in ("bg", "gas"):
            write_image(tmp_path / "pairs" / "images" / scene / f"{name}.png", 90)
    (tmp_path / "frames" / "._film.mp4").touch()
    for place in ("frames/yard", "folders/train/yard/images", "folders/train/yard/masks"):
        (tmp_path / place / "._1.png").write_bytes(b"of a Mac")
    write_image(tmp_path / "pairs" / "labels" / "yard" / "gt.png", 255 * GAS)
    assert [scene.name for scene in load_scenes(tmp_path / "frames", "gas_folder")] == ["yard"]
    assert [scene.name for scene in load_scenes(tmp_path / "folders", "igs_few")] == ["train/yard"]
    assert [scene.name for scene in load_scenes(tmp_path / "pairs", "cgd")] == ["yard"]


def test_a_folder_of_frames_is_one_scene(tmp_path, write_image):
    write_image(tmp_path / "yard" / "1.png", 90)
    (scene,) = load_scenes(tmp_path / "yard")
    assert (scene.name, scene.frames.shape) == ("yard", (1, 8, 12, 1))


def test_a_threshold_is_refused_where_masks_are_binary(tmp_path, write_image):
    write_image(tmp_path / "img_dir" / "train" / "1.png", 0)
    with pytest.raises(UserError, match="threshold is 5, but layout igs has no grey masks"):
        load_scenes(tmp_path, threshold=5)
