import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from jvlgs_jax.data.layouts import load_scenes
from jvlgs_jax.errors import UserError
from jvlgs_jax.simulation.export import write_clips

pytestmark = pytest.mark.slow  # compiling the simulator takes half a minute


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small_family):
    folder = tmp_path_factory.mktemp("clips")
    assert len(list(write_clips(small_family, 2, folder, prefix="toy"))) == 2
    return folder


def test_scenes_are_in_the_published_layout_with_their_truth(folder):
    scene = folder / "toy_000001"
    truth = np.load(scene / "truth.npz")
    masks = np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted((scene / "masks").iterdir())])
    threshold = json.loads((scene / "scene.json").read_text())["config"]["plume"]["mask_optical_depth"]
    gas = truth["optical_depth"].astype(np.float32) >= threshold
    np.testing.assert_array_equal(truth["mask"] != 0, gas)
    np.testing.assert_array_equal(masks, 255 * (truth["mask"] == 1))
    assert (truth["mask"] == 255).any()  # gas that no one could see
    loaded = load_scenes(folder)[1]
    assert loaded.name == "toy_000001"
    np.testing.assert_array_equal(loaded.truth, masks == 255)
    assert loaded.frames.shape[:3] == (7, 96, 96)


def test_captions_name_their_scenes(folder):
    lines = [json.loads(line) for line in (folder / "captions.jsonl").read_text().splitlines()]
    assert [line["scene"] for line in lines] == ["toy_000000", "toy_000001"]
    assert all(line["caption"] for line in lines)


def test_a_second_run_keeps_what_is_there(folder, small_family):
    before = (folder / "toy_000000" / "truth.npz").stat().st_mtime_ns
    list(write_clips(small_family, 2, folder, prefix="toy"))
    assert (folder / "toy_000000" / "truth.npz").stat().st_mtime_ns == before


def test_captions_of_another_preset_are_kept(folder, small_family):
    list(write_clips(small_family, 1, folder, prefix="other"))
    lines = [json.loads(line)["scene"] for line in (folder / "captions.jsonl").read_text().splitlines()]
    assert lines == ["toy_000000", "toy_000001", "other_000000"]


def test_clips_of_another_config_are_not_mixed_in(folder, small_family):
    with pytest.raises(UserError, match=r"toy_000000: made with another config"):
        list(write_clips(replace(small_family, seed=5), 2, folder, prefix="toy"))
