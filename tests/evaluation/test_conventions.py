from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.evaluation.conventions import alarms, davis, jvlgs, langgas
from jvlgs_jax.evaluation.records import FrameRecord, compare

CONVENTIONS = [jvlgs, langgas, davis, alarms]


def frame(tp=0, fp=0, fn=0, *, scene="a", index=0):
    """A frame of 1000 pixels; its outlines are as long as its areas and match on the overlap."""
    return FrameRecord(scene, index, tp, fp, fn, 1000 - tp - fp - fn, 0.5, tp + fp, tp, tp + fn, tp)


areas = st.sampled_from([0, 0, 1, 7, 50])
frames = st.builds(
    lambda tp, fp, fn, scene, index: frame(tp, fp, fn, scene=scene, index=index),
    *(areas, areas, areas, st.sampled_from("abc"), st.integers(0, 40)),
)
videos = st.lists(frames, min_size=1, max_size=30, unique_by=lambda row: (row.scene, row.frame))


@pytest.mark.parametrize("convention", CONVENTIONS)
@given(data=st.data(), rows=videos)
def test_the_order_of_the_records_does_not_matter(convention, data, rows):
    shuffled = data.draw(st.permutations(rows))
    assert str(convention(rows)) == str(convention(shuffled))


@pytest.mark.parametrize("convention", CONVENTIONS)
@given(rows=videos)
def test_scores_are_shares_and_name_their_convention(convention, rows):
    score = convention(rows)
    assert str(score).startswith(f"{convention.__name__}: ")
    assert score.convention == convention.__name__
    rates = ("j", "f", "frame_accuracy", "false_alarm_rate", "detection_rate")
    assert all(0 <= getattr(score, name) <= 1 or isnan(getattr(score, name)) for name in rates if hasattr(score, name))


def test_a_perfect_prediction_scores_one_everywhere():
    rng = np.random.default_rng(0)
    truths = [(rng.random((30, 40)) > 0.7).astype(np.uint8) * (index % 2) for index in range(12)]
    rows = [compare("a", index, truth, truth) for index, truth in enumerate(truths)]
    for score in (jvlgs(rows), langgas(rows), davis(rows)):
        assert (score.j, score.f) == (1, 1)
    assert langgas(rows).frame_accuracy == 1
    report = alarms(rows)
    assert (report.false_alarm_rate, report.detection_rate, report.onset_latency) == (0, 1, 0)


class TestJvlgs:
    def test_iou_and_dice_of_a_frame(self):
        score = jvlgs([frame(tp=30, fp=20, fn=10)])
        assert (score.j, score.f) == (30 / 60, 60 / 90)

    def test_frames_empty_in_both_are_dropped(self):
        score = jvlgs([frame(tp=10, index=0), frame(index=1), frame(index=2)])
        assert (score.j, score.frames, score.dropped_frames) == (1, 1, 2)

    def test_false_alarms_and_missed_leaks_score_zero(self):
        assert jvlgs([frame(tp=10, index=0), frame(fp=3, index=1)]).j == 0.5
        assert jvlgs([frame(tp=10, index=0), frame(fn=3, index=1)]).f == 0.5

    def test_the_mean_is_over_frames_then_over_scenes(self):
        rows = [frame(tp=1, index=index) for index in range(3)] + [frame(fp=1, scene="b")]
        score = jvlgs(rows)
        assert score.j == 0.5
        assert (score.parts["a"].j, score.parts["b"].j) == (1, 0)

    def test_a_fold_is_the_mean_over_its_frames(self):
        rows = [frame(tp=1, index=index) for index in range(3)] + [frame(fp=1, scene="b"), frame(fn=1, scene="c")]
        score = jvlgs(rows, folds={"a": "first", "b": "first", "c": "second"})
        assert score.parts["first"].j == 0.75
        assert score.j == pytest.approx(0.375)

    def test_a_silent_leak_free_scene_has_no_say(self):
        assert jvlgs([frame(tp=1, fn=1), frame(scene="b")]).j == 0.5

    def test_without_a_scored_frame_there_is_no_score(self):
        assert isnan(jvlgs([frame()]).j)
        assert "J n/a" in str(jvlgs([frame()]))


class TestLanggas:
    def test_counts_are_pooled_over_a_scene(self):
        rows = [frame(tp=90, index=0), frame(tp=0, fp=5, fn=5, index=5)]
        assert langgas(rows).j == 0.9
        assert jvlgs(rows).j == 0.5  # the mean over frames differs

    @given(rows=videos)
    def test_only_every_fifth_frame_counts(self, rows):
        kept = [row for row in rows if row.frame in range(0, 45, 5)]
        assert str(langgas(rows)) == str(langgas(kept))
        assert langgas(rows).frames == len(kept)

    def test_frame_accuracy_asks_only_whether_there_is_gas(self):
        rows = [frame(index=0), frame(fp=4, index=5), frame(fn=4, index=10), frame(fp=1, fn=1, index=15)]
        assert langgas(rows).frame_accuracy == 0.5

    def test_an_empty_scene_has_accuracy_but_no_j(self):
        score = langgas([frame(tp=1, fp=1), frame(scene="b")])
        assert (score.j, score.frame_accuracy) == (0.5, 1)


class TestDavis:
    def test_silence_on_a_leak_free_frame_scores_one(self):
        score = davis([frame(fp=4, index=0), frame(index=1)])
        assert (score.j, score.f) == (0.5, 0.5)

    def test_f_is_of_outlines(self):
        row = frame(tp=10)._replace(predicted_boundary=10, predicted_boundary_matched=5, true_boundary_matched=10)
        assert davis([row]).f == pytest.approx(2 * 0.5 / 1.5)

    @given(rows=videos)
    def test_j_exceeds_that_of_jvlgs_by_the_silent_frames(self, rows):
        rows = [row for row in rows if row.scene == "a"]
        scored = jvlgs(rows)
        if scored.frames:
            expected = (scored.j * scored.frames + scored.dropped_frames) / len(rows)
            assert davis(rows).j == pytest.approx(expected)


class TestAlarms:
    def test_false_alarms_are_a_share_of_leak_free_frames(self):
        rows = [frame(fp=1, index=0), *(frame(index=index) for index in (1, 2, 3)), frame(fp=9, fn=1, index=4)]
        report = alarms(rows)
        assert (report.false_alarm_rate, report.leak_free_frames) == (0.25, 4)

    def test_a_detection_overlaps_the_truth(self):
        report = alarms([frame(tp=1, fn=9, index=0), frame(fp=5, fn=5, index=1)])
        assert report.detection_rate == 0.5

    def test_latency_runs_from_the_first_gas_to_the_first_overlap(self):
        before = [frame(fp=1, index=index) for index in range(10)]
        rows = [*before, frame(fn=1, index=10), frame(fp=1, fn=1, index=11), frame(tp=1, index=12)]
        assert alarms(rows).onset_latency == 2

    def test_missed_scenes_are_counted_beside_the_mean_latency(self):
        rows = [frame(fn=1, index=0), frame(tp=1, index=4), frame(fn=1, scene="b"), frame(scene="c")]
        report = alarms(rows)
        assert (report.onset_latency, report.missed_scenes) == (4, 1)
        assert report.parts["b"].onset_latency is None

    def test_without_frames_of_a_kind_there_is_no_rate(self):
        assert isnan(alarms([frame(tp=1)]).false_alarm_rate)
        assert isnan(alarms([frame()]).detection_rate)
