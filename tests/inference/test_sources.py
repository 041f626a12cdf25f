from pathlib import Path

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


def test_no_video_is_dropped_for_a_name_that_another_has(tmp_path):
    _touch(tmp_path, "v.mp4", "v.avi", "v.mp4.avi", "a/1.mp4")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert sorted(map(str, find_videos(tmp_path / "*.*").values())) == [
        *(str(tmp_path / name) for name in ("v.avi", "v.mp4", "v.mp4.avi"))
    ]
    assert set(find_videos(tmp_path / "[ab]" / "*.mp4")) == {"a/1.mp4", "b/1.mp4"}


def test_results_of_predictions_are_no_videos(tmp_path):
    """Those of the same command's earlier runs, whole and killed, lie below a pattern that begins at their site."""
    _touch(tmp_path, "site/north/cam.mp4", "site/south/overlay.mp4")
    for results in ("site/out", "site/out/north"):
        _touch(tmp_path, *(f"{results}/{name}" for name in ("overlay.mp4", "masks/000000.png", "frames.csv")))
    _touch(tmp_path, "site/out/.unfinished/overlay/000000.mp4", "site/out/.unfinished/masks/000000.png")
    site = tmp_path / "site"
    assert list(find_videos(site / "**" / "*").values()) == [site / "north" / "cam.mp4", site / "south" / "overlay.mp4"]
    assert find_videos(site / "out" / "overlay.mp4") == {"overlay": site / "out" / "overlay.mp4"}


HIDDEN = ("._a.mp4", ".ipynb_checkpoints/0.png", "frames/._0.png")


def test_what_is_hidden_in_a_folder_or_below_a_pattern_is_no_video(tmp_path):
    _touch(tmp_path, "a.mp4", "frames/0.png", "only/._0.png", ".trash/b.mp4", *HIDDEN)
    for path in (tmp_path, tmp_path / "*", tmp_path / "**" / "*"):
        assert list(find_videos(path)) == ["a", "frames"]
    _touch(tmp_path, "._b.avi")
    with pytest.raises(UserError, match=r"\*\.avi: no video \(nothing matches\)"):
        find_videos(tmp_path / "*.avi")


def test_what_is_hidden_is_a_video_where_it_is_named(tmp_path, monkeypatch):
    _touch(tmp_path, "a.mp4", ".trash/b.mp4", ".trash/in/c.mp4", *HIDDEN)
    (tmp_path / "list.txt").write_text("._a.mp4\n.ipynb_checkpoints\n")
    assert list(find_videos(tmp_path / "._a.mp4")) == ["._a"]
    assert list(find_videos(tmp_path / ".ipynb_checkpoints")) == [".ipynb_checkpoints"]
    assert list(find_videos(tmp_path / "list.txt")) == ["._a", ".ipynb_checkpoints"]
    assert list(find_videos(tmp_path / ".trash" / "**" / "*.mp4")) == ["b", "c"]
    assert list(find_videos(tmp_path / ".*.mp4")) == ["._a"]
    monkeypatch.chdir(tmp_path / "frames")
    assert list(find_videos(Path("../*.mp4"))) == ["a"]


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


def test_a_pattern_finds_videos_in_natural_order_and_leaves_other_files_alone(tmp_path):
    _touch(tmp_path, "a/10.mp4", "a/2.mp4", "b/deep/3.avi", "b/notes.md", "c/frames/1.png")
    assert list(find_videos(tmp_path / "a" / "*.mp4")) == ["2", "10"]
    assert list(find_videos(tmp_path / "**" / "*")) == ["2", "10", "3", "frames"]


def test_equal_names_in_two_folders_are_told_apart_by_the_folders(tmp_path):
    _touch(tmp_path, "north/cam.mp4", "south/cam.mp4", "south/other.mp4")
    found = find_videos(tmp_path / "*" / "*.mp4")
    assert found == {
        "north/cam.mp4": tmp_path / "north" / "cam.mp4",
        "south/cam.mp4": tmp_path / "south" / "cam.mp4",
        "other": tmp_path / "south" / "other.mp4",
    }


def test_a_list_is_read_in_its_order_relative_to_its_folder(tmp_path):
    _touch(tmp_path, "b.mp4", "frames/1.png", "elsewhere/a.mp4")
    (tmp_path / "list.txt").write_text(f"# shift of Monday\nframes\n\nb.mp4\n{tmp_path}/elsewhere/a.mp4\nb.mp4\n")
    assert list(find_videos(tmp_path / "list.txt")) == ["frames", "b", "a"]


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tmp_path):
    _touch(tmp_path, "clip[1].mp4")
    assert find_videos(tmp_path / "clip[1].mp4") == {"clip[1]": tmp_path / "clip[1].mp4"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no video in this list"),
        ("a" * 5000, r"list\.txt, line 1: a{80}: no video file"),
        ("there.mp4\nmissing.mp4\n", r"list\.txt, line 2: .*missing\.mp4: no video file"),
    ],
)
def test_lists_that_lead_nowhere_are_refused_by_line(tmp_path, text, words):
    _touch(tmp_path, "there.mp4")
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(UserError, match=words):
        find_videos(tmp_path / "list.txt")


def test_a_pattern_that_matches_no_video_is_refused_with_what_it_matches(tmp_path):
    _touch(tmp_path, "notes.md")
    with pytest.raises(UserError, match=r"\*\.mp4: no video \(nothing matches\)"):
        find_videos(tmp_path / "*.mp4")
    with pytest.raises(UserError, match=r"notes\.md is no video file"):
        find_videos(tmp_path / "*")
