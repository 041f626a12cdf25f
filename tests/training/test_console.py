import io

import pytest

from jvlgs_jax.training import console
from jvlgs_jax.training.console import Bar, Lines, duration, show_progress


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock says; a test changes it."""
    time = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: time[0])
    return time


def test_a_log_gets_a_line_an_interval_with_the_time_left(now: list[float]):
    stream = io.StringIO()
    lines = Lines(40, 100, stream, seconds_between=30.0)
    for step in range(41, 61):
        now[0] += 3
        lines.update(step, 0.5)
    assert stream.getvalue().splitlines() == [
        "step 50 of 100, loss 0.5000, 3 s a step, 2:30 left",
        "step 60 of 100, loss 0.5000, 3 s a step, 2:00 left",
    ]
    lines.update(100, None)
    assert stream.getvalue().splitlines()[-1].startswith("step 100 of 100, 1 s a step, 0:00 left")


def test_a_terminal_gets_a_bar():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    bar = show_progress(0, 4, terminal)
    assert isinstance(bar, Bar)
    bar.update(2, 0.25)
    bar.note("half of it")
    bar.close()
    assert "half of it" in terminal.getvalue()
    assert "2/4" in terminal.getvalue()
    assert isinstance(show_progress(0, 4, io.StringIO()), Lines)


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (62.0, "1:02"), (3 * 3600.0 + 61, "3:01:01")])
def test_duration(seconds: float, text: str):
    assert duration(seconds) == text
