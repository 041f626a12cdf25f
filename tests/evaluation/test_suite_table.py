import csv
import json
import os

import pytest

from jvlgs_jax.evaluation.evaluator import Evaluation
from jvlgs_jax.evaluation.records import FrameRecord
from jvlgs_jax.evaluation.suite_results import DatasetResult
from jvlgs_jax.evaluation.suite_table import means_table, save_suite, suite_rows


def frame(scene, index, tp=0, fp=0, fn=0):
    return FrameRecord(scene, index, tp, fp, fn, 10_000 - tp - fp - fn, 0.5, tp + fp, tp, tp + fn, tp)


def dataset(name, model, seconds):
    records = {"model": model, "silent": [row._replace(tp=0, fp=0, fn=row.tp + row.fn) for row in model]}
    scenes = list(seconds)
    return DatasetResult(
        name=name,
        settings={},
        evaluation=Evaluation(records=records, seconds={"model": seconds, "silent": dict.fromkeys(scenes, 0.0)}),
        frames_per_second=dict.fromkeys(scenes, 10.0),
        unlabelled=[],
    )


@pytest.fixture
def rows():
    """Two datasets whose videos share a name: J of 0.5 and 1 in the one, of 0.25 in the other."""
    one = [frame("a", 0), frame("a", 5, tp=50, fp=50), frame("b", 0, fp=10), frame("b", 1, tp=200), frame("b", 2, tp=9)]
    two = [frame("a", 0, tp=100, fn=300), frame("a", 1)]
    return suite_rows([dataset("one", one, {"a": 0.2, "b": 0.3}), dataset("two", two, {"a": 0.9})])


def numbers(rows, *place):
    (found,) = [row.numbers for row in rows if row[:3] == place]
    return found


def test_there_is_a_row_for_each_video_each_dataset_and_all(rows):
    assert [row[:2] for row in rows if row.method == "model"] == [
        ("one", "a"),
        ("one", "b"),
        ("one", "mean"),
        ("two", "a"),
        ("two", "mean"),
        ("all datasets", "mean"),
    ]
    assert [row.method for row in rows].count("silent") == 6


def test_means_are_over_videos_and_equal_names_stay_apart(rows):
    b = 2 / 3  # 0, 1 and 1
    assert numbers(rows, "one", "b", "model")["jvlgs_j"] == pytest.approx(b)
    assert numbers(rows, "one", "mean", "model")["jvlgs_j"] == pytest.approx((0.5 + b) / 2)
    everything = numbers(rows, "all datasets", "mean", "model")
    assert everything["jvlgs_j"] == pytest.approx((0.5 + b + 0.25) / 3)
    assert (everything["videos"], everything["frames"]) == (3, 7)
    assert everything["false_alarm_rate"] == pytest.approx(1 / 3)
    assert everything["leak_free_hours"] == pytest.approx(0.3 / 3600)
    assert everything["false_alarms_per_hour"] == pytest.approx(3600 / 0.3)
    assert everything["milliseconds_per_frame"] == pytest.approx(1400 / 7)


def test_small_plumes_are_those_under_a_hundredth(rows):
    one = numbers(rows, "one", "mean", "model")
    assert one["small_plume_videos"] == 2  # 50 and 9 of 10,000 pixels
    assert one["small_plume_j"] == pytest.approx((0.5 + 1) / 2)


def test_one_dataset_needs_no_row_over_all():
    rows = suite_rows([dataset("one", [frame("a", 0, tp=1)], {"a": 0.1})])
    assert {row.dataset for row in rows} == {"one"}


def test_a_video_and_datasets_called_like_the_means_are_none(tmp_path):
    one = dataset("all datasets", [frame("mean", 0, tp=1), frame("b", 0)], {"mean": 0.1, "b": 0.1})
    rows = suite_rows([one, dataset("mean", [frame("mean", 0)], {"mean": 0.1})])
    of_model = [(*row[:2], row.over) for row in rows if row.method == "model"]
    assert of_model == [
        ("all datasets", "mean", "video"),
        ("all datasets", "b", "video"),
        ("all datasets", "mean", "dataset"),
        ("mean", "mean", "video"),
        ("mean", "mean", "dataset"),
        ("all datasets", "mean", "suite"),
    ]
    assert len(means_table(rows).splitlines()) == 2 + 3 * 2
    save_suite(tmp_path, rows, [])
    _, first, second = (tmp_path / "suite.md").read_text().split("\n## ")
    assert [len([line for line in part.splitlines() if "| model" in line]) for part in (first, second)] == [2, 1]
    assert [row["over"] for row in json.loads((tmp_path / "suite.json").read_text())["rows"]][-1] == "suite"


def test_the_three_files_say_the_same(rows, tmp_path):
    save_suite(tmp_path, rows, ["Prompts: white steam."])
    stored = json.loads((tmp_path / "suite.json").read_text(), parse_constant=lambda name: 1 / 0)
    assert stored["notes"] == ["Prompts: white steam."]
    with (tmp_path / "suite.csv").open() as file:
        for row, line in zip(stored["rows"], csv.DictReader(file), strict=True):
            assert [line.pop(name) for name in ("dataset", "video", "method", "over")] == list(row.values())[:4]
            assert {name: float(value) if value else None for name, value in line.items()} == row["numbers"]
    document = (tmp_path / "suite.md").read_text()
    assert document.startswith("# Suite\n\nPrompts: white steam.\n")
    assert means_table(rows) in document
    assert sorted(path.name for path in tmp_path.iterdir()) == ["suite.csv", "suite.json", "suite.md"]


def test_names_that_are_not_utf_8_are_written_as_far_as_they_can_be(tmp_path):
    video = os.fsdecode(b"yard\xe9")
    rows = suite_rows([dataset(os.fsdecode(b"one\xe9"), [frame(video, 0, tp=1)], {video: 0.1})])
    save_suite(tmp_path, rows, [f"Left out: {video}."])
    stored = json.loads((tmp_path / "suite.json").read_text())
    assert (stored["rows"][0]["dataset"], stored["rows"][0]["video"]) == ("one\ufffd", "yard\ufffd")
    assert stored["notes"] == ["Left out: yard\ufffd."]
    with (tmp_path / "suite.csv").open(encoding="utf-8") as file:
        assert next(csv.DictReader(file))["video"] == "yard\ufffd"
    document = (tmp_path / "suite.md").read_text(encoding="utf-8")
    assert "Left out: yard\ufffd." in document
    assert means_table(rows) in document


def test_what_cannot_be_said_is_said_so(rows):
    heading, _, *lines = means_table(rows).splitlines()
    assert len(set(map(len, lines))) == 1
    silent = dict(
        zip([cell.strip() for cell in heading.split("|")], [cell.strip() for cell in lines[1].split("|")], strict=True)
    )
    assert (silent["dataset"], silent["method"], silent["onset latency"], silent["missed"]) == (
        "one",
        "silent",
        "n/a",
        "2",
    )
    assert silent["false alarms"] == "0.0 %"
