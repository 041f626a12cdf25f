import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.output_folder import prepare_output


def test_the_folder_is_made_with_its_parents_and_left_empty(tmp_path):
    prepare_output(tmp_path / "a" / "b", tmp_path / "clip.mp4")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_an_earlier_prediction_may_be_replaced(tmp_path):
    (tmp_path / "masks").mkdir()
    (tmp_path / "frames.csv").touch()
    prepare_output(tmp_path, tmp_path / "clip.mp4")


def test_masks_of_someone_else_are_not(tmp_path):
    (tmp_path / "masks").mkdir()
    with pytest.raises(UserError, match=r"masks: holds masks that no prediction wrote .* another output"):
        prepare_output(tmp_path, tmp_path / "images")


@pytest.mark.parametrize("source", [".", "masks", "overlay.mp4", "../results"])
def test_results_never_replace_their_input(tmp_path, source):
    output = tmp_path / "results"
    output.mkdir()
    with pytest.raises(UserError, match="would replace the input"):
        prepare_output(output, output / source)


def test_a_place_that_cannot_be_written_is_refused_by_name(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file/deeper: cannot write here \(Not a directory\)"):
        prepare_output(tmp_path / "file" / "deeper", tmp_path / "clip.mp4")


@pytest.mark.parametrize(("name", "words"), [("loop", "File exists"), ("n" * 300, "File name too long")])
def test_a_place_that_leads_nowhere_is_refused_by_name(tmp_path, name, words):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UserError, match=rf"{name}: cannot write here \({words}\)"):
        prepare_output(tmp_path / name, tmp_path / "clip.mp4")
