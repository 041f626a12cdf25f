import json
import os

from jvlgs_jax.evaluation.records import FrameRecord
from jvlgs_jax.evaluation.report import save_scores, scene_table, score, table


def frame(scene, index, tp=0, fp=0, fn=0):
    return FrameRecord(scene, index, tp, fp, fn, 1000 - tp - fp - fn, 0.5, tp + fp, tp, tp + fn, tp)


MODEL = score([frame("a", 0), frame("a", 5, tp=50, fp=50), frame("b", 0, fp=10)])
SILENT = score([frame("a", 0), frame("a", 5, fn=50), frame("b", 0)])


def cells(text):
    return [line.split() for line in text.splitlines()]


def test_each_column_is_headed_by_its_convention():
    conventions, names, *rows = table({"model": MODEL, "silent": SILENT}).splitlines()
    assert len(set(map(len, (conventions, names, *rows)))) == 1
    numbers = dict(
        zip(
            zip(conventions.split(), names.replace(" acc", "_acc").replace(" alarms", "_alarms").split(), strict=True),
            rows[0].split()[1:],
            strict=True,
        )
    )
    assert numbers["jvlgs", "J"] == "0.250"  # 0.5 in scene a, 0 in scene b
    assert numbers["davis", "J"] == "0.375"  # 0.75 in scene a, 0 in scene b
    assert numbers["alarms", "false_alarms"] == "0.500"
    assert numbers["alarms", "latency"] == "0.0"
    assert rows[1].split()[-2:] == ["n/a", "1"]  # never detected: no latency, one scene missed


def test_the_scene_table_has_a_line_a_scene():
    header, first, second = cells(scene_table(MODEL))
    assert header[0] == "scene"
    assert first == ["a", "1", "0.500", "0.667", "1", "1", "0", "0"]
    assert second == ["b", "0", "0.000", "0.000", "0", "1", "1", "n/a"]


def test_the_scene_table_can_be_printed_whatever_the_names():
    (_, row) = cells(scene_table(score([frame(os.fsdecode(b"yard\xe9"), 0)])))
    assert row[0] == "yard\ufffd"
    assert cells(scene_table(SILENT))[2][:4] == ["b", "0", "n/a", "n/a"]


def test_the_scores_are_plain_json(tmp_path):
    save_scores(tmp_path / "scores.json", {"model": MODEL, "silent": SILENT})
    stored = json.loads((tmp_path / "scores.json").read_text(), parse_constant=lambda name: 1 / 0)
    assert stored["model"]["jvlgs"]["j"] == 0.25
    assert stored["model"]["jvlgs"]["parts"]["a"] == {"j": 0.5, "f": 2 / 3, "frames": 1}
    assert stored["silent"]["alarms"]["onset_latency"] is None


def test_scores_print_every_convention():
    assert [line.split(":")[0] for line in str(MODEL).splitlines()] == ["jvlgs", "davis", "langgas", "alarms"]
