import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.sources import find_videos


def _touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_a_file_is_itself_whatever_its_suffix(tmp_path):
    _touch(tmp_path, "site.dat")
    assert find_videos(tmp_path / "site.dat") == {"site": tmp_path / "site.dat"}


def test_a_folder_of_images_is_one_video(tmp_path):
    _touch(tmp_path, "pipe/1.png", "pipe/2.JPG", "pipe/notes.txt")
    assert find_videos(tmp_path / "pipe") == {"pipe": tmp_path / "pipe"}


def test_a_folder_of_videos_is_read_in_natural_order(tmp_path):
    _touch(tmp_path, "10.mp4", "2.AVI", "readme.txt", "3/0001.png", "other/deep/0001.png")
    assert find_videos(tmp_path) == {"2": tmp_path / "2.AVI", "3": tmp_path / "3", "10": tmp_path / "10.mp4"}
    assert list(find_videos(tmp_path)) == ["2", "3", "10"]


def test_names_that_would_be_alike_keep_their_suffix(tmp_path):
    _touch(tmp_path, "a.mp4", "a.avi", "b.mp4")
    assert set(find_videos(tmp_path)) == {"a.mp4", "a.avi", "b"}


@pytest.mark.parametrize(
    ("names", "words"),
    [([], "no video in this folder"), (["a.txt"], "no video"), (["a.png", "b.mp4"], "images and videos")],
)
def test_folders_that_are_no_input_are_refused_by_name(tmp_path, names, words):
    _touch(tmp_path, *names)
    with pytest.raises(UserError, match=words) as error:
        find_videos(tmp_path)
    assert str(tmp_path) in str(error.value)


def test_a_missing_path_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"missing\.mp4: no such file"):
        find_videos(tmp_path / "missing.mp4")
