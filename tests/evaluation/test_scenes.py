import cv2
import numpy as np
import pytest

from jvlgs_jax.data.records.prepare import prepare
from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.scenes import labelled_scenes


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Three scenes in folders, two of them labelled; the later frames show gas."""
    root = tmp_path_factory.mktemp("raw")
    for name in ("hall", "tank", "yard"):
        for number in range(4):
            for kind in (root / name, root / "masks" / name):
                kind.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / name / f"{number}.png"), np.full((24, 32), 40 + number, np.uint8))
            gas = np.full((24, 32), 200 * (number > 1), np.uint8)
            if name != "hall":
                cv2.imwrite(str(root / "masks" / name / f"{number}.png"), gas)
    (root / "masks" / "hall").rmdir()
    return root


@pytest.fixture(scope="module")
def prepared(raw, tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("data")
    prepare("gas_folder", manual_dir=raw, data_dir=data_dir)
    return data_dir


@pytest.fixture(params=["raw", "prepared"])
def place(request):
    """The same dataset, as files and as records."""
    root = request.getfixturevalue(request.param)
    return {"root": root, "dataset": "gas_folder" if request.param == "prepared" else None}


def names(found):
    return [scene.name for scene in found.scenes]


def test_all_scenes_with_truth_are_taken_and_the_others_named(place):
    found = labelled_scenes(**place)
    assert names(found) == ["tank", "yard"]
    assert found.unlabelled == ["hall"]
    assert [scene.has_leak.tolist() for scene in found.scenes] == [[False, False, True, True]] * 2


def test_a_split_takes_what_it_holds_out(place):
    assert names(labelled_scenes(**place, split="hold_out:tank,hall")) == ["tank"]
    assert names(labelled_scenes(**place, split="grouped/1of3")) == ["tank"]


def test_the_split_that_a_layout_states_can_be_named(tmp_path):
    for split, scene in (("train", "pipe"), ("val", "flare"), ("test", "well")):
        for kind in ("images", "masks"):
            folder = tmp_path / "raw" / split / scene / kind
            folder.mkdir(parents=True)
            cv2.imwrite(str(folder / "0.png"), np.full((8, 12), 255, np.uint8))
    prepare("igs_few", manual_dir=tmp_path / "raw", data_dir=tmp_path / "data")
    for place in ({"root": tmp_path / "raw"}, {"root": tmp_path / "data", "dataset": "igs_few"}):
        for part, name in (("val", "val/flare"), ("test", "test/well")):
            (scene,) = labelled_scenes(**place, split=f"stated/{part}").scenes
            assert (scene.name, scene.split) == (name, part)


def test_scenes_are_chosen_by_name(place):
    assert names(labelled_scenes(**place, names=["yard"])) == ["yard"]
    with pytest.raises(UserError, match=r"no scene or group 'yrad' in this dataset \(nearest: 'yard'\)"):
        labelled_scenes(**place, names=["yrad"])
    with pytest.raises(UserError, match=r"no scene or group 'yard' held out by split hold_out:tank"):
        labelled_scenes(**place, split="hold_out:tank", names=["yard"])


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"names": ["hall"]}, "nothing to score on: none of hall has truth"),
        ({"split": "all"}, "nothing to score on: split 'all' holds nothing out"),
    ],
)
def test_nothing_to_score_on_is_an_error(place, choice, message):
    with pytest.raises(UserError, match=message):
        labelled_scenes(**place, **choice)


def test_a_prepared_dataset_has_to_be_named(prepared):
    with pytest.raises(UserError, match="holds prepared datasets: name one with --dataset=NAME"):
        labelled_scenes(prepared)
