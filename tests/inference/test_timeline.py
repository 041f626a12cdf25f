import pytest
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.inference.frame_table import FrameRow
from jvlgs_jax.inference.timeline import Timeline, runs


def _row(frame, probability=0.1, share=0.0, alarm=0, suspended=0):
    return FrameRow(frame, frame / 15, probability, 0, share, alarm=alarm, suspended=suspended)


def _timeline(rows, spans):
    timeline = Timeline(spans)
    for row in rows:
        timeline.push(row)
    return timeline.spans


def test_a_short_video_keeps_every_frame():
    rows = [_row(n, n / 10, n / 100) for n in range(8)]
    spans = _timeline(rows, 4)
    assert [span.max_probability for span in spans] == [n / 10 for n in range(8)]
    assert {span.frames for span in spans} == {1}
    assert _timeline([], 4) == ()


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.booleans(), st.booleans()), max_size=150), st.integers(1, 5)
)
def test_no_frame_and_no_maximum_is_lost_in_bounded_memory(frames, limit):
    rows = [_row(n, p, share, int(alarm), int(moved)) for n, (p, share, alarm, moved) in enumerate(frames)]
    spans = _timeline(rows, limit)
    assert min(len(rows), limit) <= len(spans) <= 2 * limit
    assert sum(span.frames for span in spans) == len(rows)
    assert len({span.frames for span in spans[:-1]}) <= 1
    first = 0
    for span in spans:
        part = rows[first : first + span.frames]
        first += span.frames
        for name in ("max_probability", "area_share", "alarm", "suspended"):
            assert getattr(span, name) == max(getattr(row, name) for row in part)


@pytest.mark.parametrize(
    ("letters", "expected"),
    [("", []), ("...", []), ("AAA", [(0, 3)]), (".AA..A", [(1, 2), (5, 1)])],
)
def test_runs_are_the_longest_stretches(letters, expected):
    rows = [_row(n, alarm=int(letter == "A")) for n, letter in enumerate(letters)]
    assert list(runs(_timeline(rows, 10), "alarm")) == expected
    assert list(runs(_timeline(rows, 10), "suspended")) == []


def test_runs_count_frames_of_joined_spans():
    rows = [_row(n, alarm=int(n == 13)) for n in range(20)]
    assert list(runs(_timeline(rows, 4), "alarm")) == [(12, 4)]
