import numpy as np
import pytest

from jvlgs_jax.data.layouts.simgas import find_simgas

SIZE = (48, 64)


def soft_truth(n, first, level):
    truth = np.zeros((n, *SIZE), np.uint8)
    truth[first:, 10:30, 20:50] = level
    return truth


def load(folder, **options):
    first = find_simgas(folder, **options)[0]
    return first.load()


@pytest.fixture
def dataset(tmp_path, write_video):
    for name in ("10", "2_human", "2", "3_bats"):
        write_video(tmp_path / f"simgasvid{name}.mp4", np.full((6, *SIZE), 90, np.uint8))
        write_video(tmp_path / f"smoke_only{name}.mp4", soft_truth(6, 2, 100))
    return tmp_path


def test_scenes_in_natural_order_with_their_background_groups(dataset):
    scenes = find_simgas(dataset)
    assert [(s.name, s.group) for s in scenes] == [
        ("2", "group_1"),
        ("2_human", "group_1"),
        ("3_bats", "group_3"),
        ("10", "10"),
    ]


def test_a_scene_has_frames_truth_and_rate(dataset):
    scene = load(dataset)
    assert scene.frames.shape == (6, *SIZE, 1)
    assert scene.frames_per_second == 15.0
    assert scene.has_leak.tolist() == [False, False, True, True, True, True]
    assert scene.truth[3, 20, 35] == 1
    assert scene.truth[3, 2, 2] == 0


@pytest.mark.parametrize(("threshold", "leaks"), [(20, True), (127, False)])
def test_gas_is_truth_brighter_than_the_threshold(dataset, threshold, leaks):
    assert load(dataset, threshold=threshold).has_leak.any() == leaks


def test_the_folder_layout_keeps_the_background_groups(tmp_path, write_image):
    for name in ("2_human", "simgasvid15", "vid9"):
        for kind in ("images", "masks"):
            write_image(tmp_path / name / kind / "1.png", 60)
    scenes = find_simgas(tmp_path)
    assert {scene.name: scene.group for scene in scenes} == {
        "2_human": "group_1",
        "simgasvid15": "group_15",
        "vid9": "9",
    }
    assert load(tmp_path).has_leak.all()
