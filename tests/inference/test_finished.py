import json
from dataclasses import asdict

import pytest

from jvlgs_jax.inference.finished import finished
from jvlgs_jax.inference.output_folder import EVENTS, MASKS, OVERLAY, REPORT, TABLE
from jvlgs_jax.inference.summary import Summary

FOUND = Summary(frames=5, frames_with_gas=2, alarms=1)


@pytest.fixture
def output(tmp_path):
    (tmp_path / MASKS).mkdir()
    for number in range(FOUND.frames):
        (tmp_path / MASKS / f"{number:06d}.png").touch()
    for name in (OVERLAY, TABLE, REPORT):
        (tmp_path / name).write_text("something")
    (tmp_path / EVENTS).write_text(json.dumps({"events": [], "summary": asdict(FOUND), "identity": "this"}))
    return tmp_path


def test_whole_results_of_the_same_prediction_are_known_again(output):
    assert finished(output, "this") == FOUND
    assert finished(output, "another") is None


@pytest.mark.parametrize("name", [OVERLAY, TABLE, REPORT, EVENTS])
def test_results_that_lack_a_file_are_not_whole(output, name):
    (output / name).unlink()
    assert finished(output, "this") is None


def test_results_that_lack_masks_are_not_whole(output):
    (output / MASKS / "000003.png").unlink()
    assert finished(output, "this") is None


@pytest.mark.parametrize("name", [OVERLAY, TABLE, REPORT])
def test_results_with_an_empty_file_are_not_whole(output, name):
    (output / name).write_text("")
    assert finished(output, "this") is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"identity": "this"}', '{"identity": "this", "summary": {"frame": 1}}', "\udcff"]
)
def test_results_that_say_nothing_clear_of_themselves_are_made_again(output, text):
    (output / EVENTS).write_text(text, errors="surrogateescape")
    assert finished(output, "this") is None
