import json

import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.suite import read_suite
from jvlgs_jax.evaluation.suite_run import run_suite
from jvlgs_jax.inference.postprocess import ConfidenceGate

SETTINGS = {"model": "abc", "prompts": ["white steam"]}
RULE = ConfidenceGate()


def run(suite, segmenter, output, settings=SETTINGS):
    said = []
    return run_suite(read_suite(suite, output), segmenter, RULE, settings, output, said.append), said


def test_a_damaged_dataset_does_not_stop_the_others(suite, brightness, tmp_path):
    outcome, said = run(suite, brightness, tmp_path / "out")
    assert [(result.name, list(result.frames_per_second)) for result in outcome.results] == [
        ("one", ["tank", "yard"]),
        ("two", ["yard"]),
    ]
    assert list(outcome.failures) == ["worn"]
    assert "002.png" in outcome.failures["worn"]
    assert len(said) == 3
    methods = outcome.results[0].evaluation.records
    assert list(methods) == ["model", "mog2", "background_difference", "temporal_median"]
    assert [(row.scene, row.frame) for row in methods["mog2"]] == [(s, i) for s in ("tank", "yard") for i in range(4)]


def test_the_same_command_again_scores_only_what_is_missing(suite, brightness, tmp_path):
    first, _ = run(suite, brightness, tmp_path / "out")
    seen = brightness.frames
    (suite / "worn" / "hall" / "images" / "002.png").write_bytes((suite / "two/yard/images/001.png").read_bytes())
    second, said = run(suite, brightness, tmp_path / "out")
    assert said[:2] == ["one: scored before", "two: scored before"]
    assert brightness.frames == seen + 1 + 4  # one frame to warm up, and the four of the mended video
    assert second.failures == {}
    assert repr(second.results[:2]) == repr(first.results)  # baselines' probabilities are nan, which equals nothing


def test_results_of_two_models_are_never_mixed(suite, brightness, tmp_path):
    run(suite, brightness, tmp_path / "out")
    with pytest.raises(UserError, match=r"one: holds results of another model \('abc', now 'def'\)"):
        run(suite, brightness, tmp_path / "out", SETTINGS | {"model": "def"})
    with pytest.raises(UserError, match="another prompts"):
        run(suite, brightness, tmp_path / "out", SETTINGS | {"prompts": ["a tree"]})


@pytest.mark.parametrize("kind", ["masks", "images"])
def test_results_of_data_that_has_changed_are_not_taken_for_those_of_the_new(suite, brightness, tmp_path, kind):
    run(suite, brightness, tmp_path / "out")
    seen = brightness.frames
    changed = suite / "one" / "yard" / kind / "000.png"
    changed.write_bytes((suite / "one" / "yard" / kind / "002.png").read_bytes())
    with pytest.raises(UserError, match=r"one: holds results of another state of the dataset .*: choose another"):
        run(suite, brightness, tmp_path / "out")
    assert brightness.frames == seen


def test_hidden_files_and_links_to_nothing_do_not_count(suite, brightness, tmp_path):
    run(suite, brightness, tmp_path / "out")
    (suite / "one" / ".hidden").touch()
    (suite / "one" / ".cache").mkdir()
    (suite / "one" / ".cache" / "thumb.png").touch()
    (suite / "one" / "gone.png").symlink_to(tmp_path / "gone.png")
    assert run(suite, brightness, tmp_path / "out")[1][0] == "one: scored before"


def test_a_folder_that_is_not_a_result_is_left_alone(suite, brightness, tmp_path):
    (tmp_path / "out" / "two").mkdir(parents=True)
    with pytest.raises(UserError, match="two: exists and holds no results of a suite"):
        run(suite, brightness, tmp_path / "out")
    assert brightness.frames == 0


def test_a_damaged_result_says_what_to_remove(suite, brightness, tmp_path):
    run(suite, brightness, tmp_path / "out")
    result = tmp_path / "out" / "one" / "result.json"
    text = json.loads(result.read_text())
    del text["seconds"]
    result.write_text(json.dumps(text))
    with pytest.raises(UserError, match=r"result\.json: damaged .*: remove .*one"):
        run(suite, brightness, tmp_path / "out")
