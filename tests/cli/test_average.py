"""`jvlgs average`: models in, a model out, or one line that says why not."""

import shutil
from pathlib import Path

import pytest

from jvlgs_jax.cli.checkpoint import load_bundle
from jvlgs_jax.cli.main import main
from jvlgs_jax.weights.shipped import FOLDER, shipped_model


@pytest.mark.slow
def test_models_on_disk_have_a_mean_that_loads(tmp_path: Path):
    """Of the shipped model and a copy of it, so that the mean is known."""
    name = shipped_model().name
    shutil.copytree(FOLDER / name, tmp_path / "copy")
    assert main(["average", name, str(tmp_path / "copy"), "--shares", "1", "2", f"--output={tmp_path / 'mean'}"]) == 0
    mean = load_bundle(tmp_path / "mean")
    assert mean.rule is None  # the mean's probabilities are new: the gate has to be chosen again
    assert mean.model.config == load_bundle(None).model.config


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (["plume_small"], "1 model given: a mean takes two or more"),
        (["plume_small", "plume_small"], "one model is named twice"),
        (["plume_small", "nowhere"], "nowhere: no such checkpoint"),
    ],
)
def test_what_has_no_mean_is_refused_and_writes_nothing(models, words, tmp_path, capsys):
    assert main(["average", *models, f"--output={tmp_path / 'mean'}"]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "mean").exists()


def test_an_earlier_output_stays(tmp_path, capsys):
    assert main(["average", "plume_small", "b", f"--output={tmp_path}"]) == 2
    assert "exists: choose another output folder" in capsys.readouterr().err
