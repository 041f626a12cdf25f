import cv2
import numpy as np
import pytest

from jvlgs_jax.data.layouts import load_scenes
from jvlgs_jax.errors import UserError


@pytest.fixture
def simgas(tmp_path, write_video):
    for prefix, level in (("simgasvid", 90), ("smoke_only", 60)):
        write_video(tmp_path / f"{prefix}7.mp4", np.full((3, 48, 64), level, np.uint8))
    return tmp_path


@pytest.fixture
def folders(tmp_path):
    for kind, levels in (("images", (60, 60)), ("masks", (60, 130))):
        (tmp_path / "site" / kind).mkdir(parents=True)
        for number, level in enumerate(levels):
            cv2.imwrite(str(tmp_path / "site" / kind / f"{number}.png"), np.full((8, 8), level, np.uint8))
    return tmp_path


def test_simgas_is_recognised_with_its_own_threshold(simgas):
    (scene,) = load_scenes(simgas)
    assert scene.name == "7"
    assert scene.has_leak.all()


def test_jvlgs_folders_are_recognised_with_their_own_threshold(folders):
    (scene,) = load_scenes(folders)
    assert scene.name == "site"
    assert scene.has_leak.tolist() == [False, True]


def test_the_threshold_can_be_chosen(folders):
    assert load_scenes(folders, "jvlgs", threshold=0)[0].has_leak.all()


def test_a_named_layout_must_fit(folders):
    with pytest.raises(UserError, match="no image in img_dir/train"):
        load_scenes(folders, "igs")


def test_unknown_layout_names_the_nearest(tmp_path):
    with pytest.raises(UserError, match=r"unknown layout 'simgass': .*auto, simgas, igs, .*; did you mean 'simgas'\?"):
        load_scenes(tmp_path, "simgass")


def test_unrecognised_folder_says_what_it_should_hold(tmp_path):
    with pytest.raises(UserError, match=r"no known dataset layout.*simgasvid<ID>\.mp4.*<scene>/images"):
        load_scenes(tmp_path)


def test_missing_folder(tmp_path):
    with pytest.raises(UserError, match="gone: no such folder"):
        load_scenes(tmp_path / "gone")


def test_threshold_out_of_range(tmp_path):
    with pytest.raises(UserError, match="threshold is 255, it must lie between 0 and 254"):
        load_scenes(tmp_path, threshold=255)
