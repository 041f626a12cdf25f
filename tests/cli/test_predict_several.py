import json
import os

import cv2
import numpy as np
import pytest

from cli.stand_in import QUICK, black_images, events, gas, predict, replace_network, white_square


@pytest.fixture(autouse=True)
def network(monkeypatch):
    replace_network(monkeypatch)


def test_a_folder_of_videos_gives_a_folder_each(tmp_path, capsys):
    white_square(tmp_path / "site" / "10.mp4")
    white_square(tmp_path / "site" / "2.mp4", number=1)
    black_images(tmp_path / "site" / "quiet")
    output = tmp_path / "out"
    assert predict(tmp_path / "site", output) == 0
    assert sorted(path.name for path in output.iterdir()) == ["10", "2", "quiet"]
    assert [gas(output / name) for name in ("2", "10", "quiet")] == [["1"], ["1"] * 3, ["0"] * 2]
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_one_bad_video_of_several_does_not_keep_the_others_from_being_segmented(tmp_path, capsys):
    black_images(tmp_path / "site" / "a", 20)
    (tmp_path / "site" / "a" / "18.png").write_bytes(b"cut")
    white_square(tmp_path / "site" / "b.mp4")
    output = tmp_path / "out"
    assert predict(tmp_path / "site", output) == 2
    told = capsys.readouterr()
    assert told.out == f"{output / 'b'}: 3 frames, 3 with gas, 0 alarms\n"
    assert "18.png: not a readable image" in told.err
    assert told.err.splitlines()[-1].endswith("1 of 2 videos failed (a): the reasons are above")


def test_one_video_of_several_that_cannot_be_opened_does_not_stop_the_others(tmp_path, capsys):
    white_square(tmp_path / "site" / "a.mp4")
    (tmp_path / "site" / "b.mp4").touch()
    black_images(tmp_path / "site" / "c")
    cv2.imwrite(str(tmp_path / "site" / "c" / "0.png"), np.zeros((8, 8), np.uint8))  # which the regions do not fit
    (tmp_path / "regions.json").write_text('{"include": [[[0, 0], [63, 0], [63, 47]]]}')
    output = tmp_path / "out"
    assert predict(tmp_path / "site", output, "--regions", str(tmp_path / "regions.json")) == 2
    told = capsys.readouterr()
    assert told.out == f"{output / 'a'}: 3 frames, 3 with gas, 0 alarms\n"
    assert "b.mp4: not a readable video" in told.err
    assert "lies out of the picture of 8x8 pixels" in told.err
    assert told.err.splitlines()[-1].endswith("2 of 3 videos failed (b, c): the reasons are above")
    assert [path.name for path in output.iterdir()] == ["a"]


def test_where_no_video_can_be_opened_nothing_is_made(tmp_path, capsys):
    (tmp_path / "site").mkdir()
    for name in "ab":
        (tmp_path / "site" / f"{name}.mp4").touch()
    assert predict(tmp_path / "site", tmp_path / "out") == 2
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .endswith("site: none of 2 videos can be segmented: the reasons are above")
    )
    assert not (tmp_path / "out").exists()


def test_a_video_is_not_segmented_again_until_it_or_a_setting_changes(tmp_path, capsys):
    """Of a folder that grows, only what is new is done."""
    site, output = tmp_path / "site", tmp_path / "out"
    white_square(site / "a.mp4")
    assert predict(site, output) == 0
    first = (output / "a" / "report.html").read_bytes()
    white_square(site / "b.mp4")
    capsys.readouterr()
    assert predict(site, output) == 0
    told = capsys.readouterr()
    assert "a: holds these results already" in told.err
    assert "b: holds" not in told.err
    assert told.out.splitlines() == [f"{output / name}: 3 frames, 3 with gas, 0 alarms" for name in "ab"]
    assert (output / "a" / "report.html").read_bytes() == first

    assert predict(site, output, "--rule", "confidence_gate:low=0.95,high=0.95") == 0
    assert "holds" not in capsys.readouterr().err
    assert gas(output / "a") == ["0"] * 3
    white_square(site / "a.mp4", number=4)
    (output / "b" / "overlay.mp4").unlink()
    assert predict(site, output, "--rule", "confidence_gate:low=0.95,high=0.95") == 0
    assert "holds" not in capsys.readouterr().err
    assert len(gas(output / "a")) == 4
    assert (output / "b" / "overlay.mp4").exists()


def test_a_video_may_be_called_like_a_part_of_the_results(tmp_path, capsys):
    """The folder over those of the videos holds no results, whatever the videos are called."""
    for name in ("masks", "overlay"):
        white_square(tmp_path / "site" / f"{name}.mp4")
    output = tmp_path / "out"
    for _ in range(2):
        assert predict(tmp_path / "site", output) == 0
    assert capsys.readouterr().err.count("holds these results already") == 2
    assert [gas(output / name) for name in ("masks", "overlay")] == [["1"] * 3] * 2
    (output / "masks" / "frames.csv").unlink()
    assert predict(tmp_path / "site", output) == 2
    assert f"{output}/masks/masks: holds masks that no prediction wrote" in capsys.readouterr().err


def test_a_pattern_gives_a_folder_for_each_video_it_matches(tmp_path):
    white_square(tmp_path / "north" / "cam.mp4")
    white_square(tmp_path / "south" / "cam.mp4", number=2)
    output = tmp_path / "out"
    assert predict(tmp_path / "*" / "cam.mp4", output) == 0
    assert [len(gas(output / side / "cam.mp4")) for side in ("north", "south")] == [3, 2]


def test_events_are_told_as_lines_of_json_and_the_rest_elsewhere(tmp_path, capsys):
    white_square(tmp_path / "site" / "leak.mp4", number=5)
    black_images(tmp_path / "site" / "quiet")
    assert predict(tmp_path / "site", tmp_path / "out", "--jsonl", *QUICK) == 0
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    assert [(line["video"], line["event"]) for line in lines] == [
        ("leak", "alarm_raised"),
        ("leak", "alarm_ended"),
        ("leak", "video_done"),
        ("quiet", "video_done"),
    ]
    raised, ended, done, quiet = lines
    assert (raised["number"], raised["start_frame"], raised["raised_frame"], raised["ended_by"]) == (1, 0, 1, None)
    assert (ended["end_frame"], ended["ended_by"]) == (4, "video ended")
    assert (done["alarms"], done["frames"], quiet["alarms"]) == (1, 5, 0)
    assert "5 frames, 5 with gas, 1 alarm\n" in captured.err
    assert {"type": "alarm", "video": "leak", **events(tmp_path / "out" / "leak")["events"][0]} == {
        **{name: value for name, value in ended.items() if name != "event"},
        "type": "alarm",
    }


def test_where_nobody_reads_the_events_any_more_no_other_video_is_begun_and_what_was_saved_stays(tmp_path, monkeypatch):
    def nobody_reads(content):
        raise BrokenPipeError

    monkeypatch.setattr("jvlgs_jax.inference.predict.SAVED_EVERY", 4)
    white_square(tmp_path / "site" / "a.mp4", number=9)
    white_square(tmp_path / "site" / "b.mp4")
    monkeypatch.setattr("jvlgs_jax.cli.predict.print_json_line", nobody_reads)
    monkeypatch.setattr(os, "dup2", lambda *_: None)  # the stdout of these tests stays
    late = ("--jsonl", "--alarm", "window_s=0.8")  # the alarm comes at the sixth frame
    assert predict(tmp_path / "site", tmp_path / "out", *late) == 141
    assert [path.name for path in (tmp_path / "out" / "a").iterdir()] == [".unfinished"]
    assert list((tmp_path / "out" / "b").iterdir()) == []
