import json
from pathlib import Path

import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.suite import SuiteDataset, read_suite

OUTPUT = Path("elsewhere")


def test_each_folder_is_a_dataset_in_natural_order(tmp_path):
    for name in ("site10", "site2", ".cache"):
        (tmp_path / name).mkdir()
    (tmp_path / "notes.txt").touch()
    datasets = [SuiteDataset(name=name, path=tmp_path / name) for name in ("site2", "site10")]
    assert read_suite(tmp_path, OUTPUT) == datasets


def test_the_folder_for_results_is_no_dataset(tmp_path, monkeypatch):
    for name in ("site", "out"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    for output in (tmp_path / "out", Path("out"), Path("site/../out")):
        assert [dataset.name for dataset in read_suite(tmp_path, output)] == ["site"]
    (tmp_path / "site").rmdir()
    with pytest.raises(UserError, match="no folder in this suite"):
        read_suite(tmp_path, tmp_path / "out")


def test_a_file_names_datasets_beside_itself_or_anywhere(tmp_path):
    file = tmp_path / "suite.json"
    entries = [
        {"name": "ours", "path": "clips", "layout": "jvlgs"},
        {"name": "theirs", "path": "/data/records", "dataset": "simgas", "split": "grouped/0"},
    ]
    file.write_text(json.dumps({"datasets": entries}))
    ours, theirs = read_suite(file, OUTPUT)
    assert (ours.path, ours.layout, ours.split) == (tmp_path / "clips", "jvlgs", None)
    assert (str(theirs.path), theirs.dataset, theirs.split) == ("/data/records", "simgas", "grouped/0")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not a suite file"),
        ("[1]", "not a suite file"),
        ('{"datasets": []}', "lists no dataset"),
        ('{"datasets": ["a"]}', "dataset 0 is 'a'"),
        ('{"datasets": [{"name": "a", "path": "a"}, {"name": "a", "path": "b"}]}', "two datasets are called 'a'"),
        ('{"datasets": [{"name": "a"}]}', "dataset 0: path is missing"),
        ('{"datasets": [{"name": "../a", "path": "a"}]}', "name is '../a', but its results go to a folder"),
        ('{"datasets": [{"name": "a", "path": "a", "laoyut": "igs"}]}', "unknown field 'laoyut'; the fields are name"),
        ('{"datasets": [{"name": "a", "path": 3}]}', "path is 3, it must be of type str"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path, text, words):
    (tmp_path / "suite.json").write_text(text)
    with pytest.raises(UserError, match=words):
        read_suite(tmp_path / "suite.json", OUTPUT)


def test_there_must_be_something(tmp_path):
    with pytest.raises(UserError, match="no folder in this suite"):
        read_suite(tmp_path, OUTPUT)
    with pytest.raises(UserError, match="no such suite"):
        read_suite(tmp_path / "missing", OUTPUT)
