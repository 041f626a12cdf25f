"""An experiment of the toy network on three toy scenes in folders."""

import dataclasses
from pathlib import Path

import cv2
import pytest
from toy import DATA, ToySegmenter, toy_config, toy_network, toy_scene

from jvlgs_jax.experiment import Experiment
from jvlgs_jax.models.jvlgs import JvlgsConfig
from jvlgs_jax.runs import experiment_run
from jvlgs_jax.training import checkpoints
from jvlgs_jax.training.config import EvaluatorConfig, SelectionConfig
from jvlgs_jax.training.evaluators import frames


@pytest.fixture(scope="module", autouse=True)
def _compiled_quickly(compiled_quickly):
    """All files alike, so that they share what they compile."""


@pytest.fixture(scope="session")
def toy_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("toy_data")
    for seed, name in enumerate("abc"):
        scene = toy_scene(name, seed)
        for kind in ("images", "masks"):
            (root / name / kind).mkdir(parents=True)
        assert scene.truth is not None
        for number, (frame, truth) in enumerate(zip(scene.frames, scene.truth, strict=True)):
            cv2.imwrite(str(root / name / "images" / f"{number:02d}.png"), frame)
            cv2.imwrite(str(root / name / "masks" / f"{number:02d}.png"), 255 * truth)
    return root


@pytest.fixture
def experiment(toy_data: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """Holds out the first of three scenes and validates on the second; trains the toy network."""
    monkeypatch.setattr(experiment_run, "Jvlgs", lambda config, *, rngs: toy_network())
    monkeypatch.setattr(frames, "Segmenter", ToySegmenter)
    monkeypatch.setattr(checkpoints, "abstract_model", lambda config: toy_network())
    train = toy_config(
        steps=4,
        keep=9,
        evaluators=(EvaluatorConfig(every=2), EvaluatorConfig(name="choice", part="validation", every=2)),
        selection=SelectionConfig(evaluator="choice"),
    )
    data = dataclasses.replace(
        DATA, root=str(toy_data), layout="gas_folder", split="grouped/0of3", validation="grouped/1of3"
    )
    return Experiment(model=JvlgsConfig.tiny(), data=data, train=train)
