import numpy as np

from jvlgs_jax.data.records.index import AreaStatistics, RecordIndex, SceneRecords
from jvlgs_jax.data.records.summary import summary
from jvlgs_jax.data.scene import SceneInfo


def scene(name, leak, areas=None, split=None):
    info = SceneInfo(
        name=name,
        group=name[0],
        source="simgas",
        split=split,
        length=4,
        size=(24, 32),
        frames_per_second=15.0,
        leak=None if leak is None else np.array(leak, bool),
    )
    return SceneRecords(info=info, records="train", first=0, channels=1, gain=None, areas=areas)


def cells(scenes, skipped=()):
    table = summary(RecordIndex(frames_per_record=8, scenes=tuple(scenes), skipped=tuple(skipped)))
    return [line.split() for line in table.splitlines()]


def test_a_row_for_each_scene_and_one_for_all():
    rows = cells(
        [
            scene("1", [0, 1, 1, 1], AreaStatistics(0.01, 0.02, 0.3)),
            scene("1_bats", [0, 0, 0, 0]),
            scene("9", None),
        ]
    )
    assert rows[1] == ["1", "1", "4", "3", "25.00", "%", "1.00", "%", "2.00", "%", "30.00", "%"]
    assert rows[2] == ["1_bats", "1", "4", "0", "100.00", "%", "-", "-", "-"]
    assert rows[3] == ["9", "9", "4", "-", "-", "-", "-", "-"]
    # Of 12 frames, truth is known of 8, of which 5 are free of gas.
    assert rows[4][:7] == ["all", "3", "2", "groups", "12", "3", "62.50"]


def test_many_scenes_get_a_row_for_each_split():
    scenes = [scene(f"{number}", [0, 0, 0, 1], split=split) for split in ("train", "val") for number in range(40)]
    rows = cells(scenes)
    assert [row[:2] for row in rows[1:]] == [["40", "scenes"], ["40", "scenes"], ["all", "80"]]
    assert rows[1][4:8] == ["train", "160", "40", "75.00"]


def test_skipped_scenes_are_listed():
    rows = cells([scene("1", [0, 0, 0, 0])], skipped=["4: /data/4.mp4: cut short"])
    assert rows[-2:] == [["skipped", "1", "damaged", "scenes:"], ["4:", "/data/4.mp4:", "cut", "short"]]
