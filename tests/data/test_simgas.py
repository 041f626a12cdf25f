import numpy as np
import pytest

from jvlgs_jax.data.simgas import load_simgas
from jvlgs_jax.errors import UserError

SIZE = (48, 64)


def soft_truth(n, first, level):
    truth = np.zeros((n, *SIZE), np.uint8)
    truth[first:, 10:30, 20:50] = level
    return truth


@pytest.fixture
def dataset(tmp_path, write_video):
    for name in ("10", "2_human", "2", "3_bats"):
        write_video(tmp_path / f"simgasvid{name}.mp4", np.full((6, *SIZE), 90, np.uint8))
        write_video(tmp_path / f"smoke_only{name}.mp4", soft_truth(6, 2, 100))
    return tmp_path


def test_scenes_in_natural_order_with_their_background_groups(dataset):
    scenes = list(load_simgas(dataset))
    assert [(s.name, s.group) for s in scenes] == [
        ("2", "group_1"),
        ("2_human", "group_1"),
        ("3_bats", "group_3"),
        ("10", "10"),
    ]


def test_a_scene_has_frames_truth_and_rate(dataset):
    scene = next(load_simgas(dataset))
    assert scene.frames.shape == (6, *SIZE, 1)
    assert scene.frames_per_second == 15.0
    assert scene.has_leak.tolist() == [False, False, True, True, True, True]
    assert scene.truth[3, 20, 35] == 1
    assert scene.truth[3, 2, 2] == 0


@pytest.mark.parametrize(("threshold", "leaks"), [(20, True), (127, False)])
def test_gas_is_truth_brighter_than_the_threshold(dataset, threshold, leaks):
    assert next(load_simgas(dataset, threshold=threshold)).has_leak.any() == leaks


def test_empty_folder(tmp_path):
    with pytest.raises(UserError, match=r"no simgasvid<ID>\.mp4 in this folder"):
        list(load_simgas(tmp_path))


def test_missing_truth_is_found_before_any_video_is_read(dataset):
    (dataset / "smoke_only10.mp4").unlink()
    with pytest.raises(UserError, match=r"simgasvid10\.mp4: its truth smoke_only10\.mp4 is missing"):
        next(load_simgas(dataset))


def test_truth_of_another_length(dataset, write_video):
    write_video(dataset / "smoke_only2.mp4", soft_truth(5, 2, 100))
    with pytest.raises(UserError, match=r"smoke_only2\.mp4: 5 frames, its video has 6"):
        next(load_simgas(dataset))


def test_truth_of_another_size(dataset, write_video):
    write_video(dataset / "smoke_only2.mp4", np.zeros((6, 24, 64), np.uint8))
    with pytest.raises(UserError, match=r"smoke_only2\.mp4: 64x24 pixels, its video has 64x48"):
        next(load_simgas(dataset))
