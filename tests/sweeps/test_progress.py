import threading
from pathlib import Path

import pytest

from jvlgs_jax.sweeps.progress import State, holding, last_words, record_end, state


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (0, State.FINISHED),
        (1, State.FAILED),
        (2, State.FAILED),
        (130, State.UNFINISHED),
        (143, State.UNFINISHED),
        (-9, State.UNFINISHED),
        (-11, State.FAILED),
    ],
)
def test_an_exit_code_tells_how_a_trial_ended(tmp_path: Path, code: int, expected: State):
    record_end(tmp_path, code)
    assert state(tmp_path) is expected


def test_what_began_and_recorded_no_end_is_unfinished(tmp_path: Path):
    assert state(tmp_path) is State.WAITING
    (tmp_path / "config.json").write_text("{}")
    assert state(tmp_path) is State.UNFINISHED
    (tmp_path / "exit_code").write_text("")  # the machine went down as it was written
    assert state(tmp_path) is State.UNFINISHED


def test_looking_at_a_trial_keeps_nobody_from_running_it(tmp_path: Path):
    with holding(tmp_path):
        assert state(tmp_path) is State.RUNNING
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            state(tmp_path)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(200):
            with holding(tmp_path) as held:
                assert held is not None
    finally:
        done.set()
        looking.join()


def test_looking_at_a_trial_makes_no_folder(tmp_path: Path):
    assert state(tmp_path / "trial") is State.WAITING
    assert not (tmp_path / "trial").exists()


def test_the_last_words_are_the_last_line_a_user_would_see(tmp_path: Path):
    assert last_words(tmp_path) == ""
    (tmp_path / "log.txt").write_text("train: 1%\rtrain: 2%\rjvlgs: error: no data\n\n")
    assert last_words(tmp_path) == "jvlgs: error: no data"
