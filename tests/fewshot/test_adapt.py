"""Adapting a toy network, and by the command line a tiny whole one, whose programs are compiled once for this file."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from flax import nnx

from fewshot.toy import ShiftedBias, ToyForward, pretrained, random_bundle, site, write_frames
from fewshot.toy import support as frames_of
from jvlgs_jax.cli.main import main
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.adapt import AdaptedVariables, adapt_variables
from jvlgs_jax.fewshot.fine_tuning import FineTuning
from jvlgs_jax.fewshot.methods import AdaptationMethod
from jvlgs_jax.fewshot.parametrization import DECODER, SomeParameters
from jvlgs_jax.inference.postprocess import ConfidenceGate
from jvlgs_jax.interop.model_folder import ModelBundle, describe_use, load_model, save_model, save_rule
from jvlgs_jax.interop.parameters import flatten

pytestmark = pytest.mark.usefixtures("compiled_quickly")

SIZE = (32, 64)
SCENE = site(-30.0, size=SIZE)


def learned(method: AdaptationMethod, frames: Sequence[int], leak_free: Sequence[int] = ()) -> AdaptedVariables:
    """What the toy network, which finds bright gas, learns of a site with dark gas."""
    known = frames_of(site(-30.0), frames, leak_free)
    return adapt_variables(method, ToyForward(), pretrained(), known, ConfidenceGate(kernel=1), ClipConfig(), "it")


def bias(found: AdaptedVariables) -> float:
    return float(found.variables.params["decoder"]["head"]["bias"][0])


@pytest.mark.slow
def test_gas_that_looks_otherwise_is_learned_and_judged_on_frames_left_out():
    method = FineTuning(SomeParameters(DECODER), learning_rate=1.0, weight_decay=0.0, variants=1, kept=1.0)
    found = learned(method, [44, 47, 60, 75, 90], leak_free=[41, 49])
    start, best = found.choice.scores[0], found.choice.scores[found.choice.candidate]
    assert start.j < 0.5
    assert best.j > 0.8
    before, after = (of.params["decoder"]["head"]["kernel"] for of in (pretrained(), found.variables))
    assert float(after[1, 0]) > float(before[1, 0]) + 1  # what darkens counts more
    assert (found.guard.frames, found.guard.before, found.guard.guarded) == (2, 0, 0)


def test_where_no_gate_helps_the_network_stays_as_it_was():
    found = learned(ShiftedBias((0.0, 300.0)), [60], leak_free=[45])
    assert (found.guard.gate, found.guard.frames, found.choice.candidate) == (None, 1, 0)
    assert bias(found) == -4.0


def test_a_method_that_starts_anew_is_not_held_to_the_false_alarms_of_the_start():
    found = learned(ShiftedBias((0.0, 300.0), starts_anew=True), [60], leak_free=[45])
    assert (found.guard.frames, found.choice.candidate) == (0, 1)
    assert bias(found) == 296.0


def test_a_network_that_is_not_finite_any_more_is_refused():
    with pytest.raises(UserError, match="it: ends in numbers that are not finite: lower its learning_rate"):
        learned(ShiftedBias((0.0, float("nan"))), [60], leak_free=[45])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "start"
    save_model(folder, random_bundle(SIZE))
    return folder


@pytest.fixture(scope="module")
def support(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("support") / "yard", SCENE, [44, 47, 60, 75]).parent


@pytest.fixture(scope="module")
def adapted(checkpoint: Path, support: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("adapted") / "model"
    use = ["adapt", f"--support={support}", f"--checkpoint={checkpoint}", "--method=prototype:shares=1"]
    assert main([*use, f"--output={output}"]) == 0
    return output


def arrays(bundle: ModelBundle) -> dict[str, np.ndarray]:
    return {path: np.asarray(value) for path, value in flatten(nnx.state(bundle.model)).items()}


@pytest.mark.slow
def test_the_adapted_model_loads_like_any_other_and_says_how_it_came_about(adapted: Path, checkpoint: Path):
    bundle, start = load_model(adapted), load_model(checkpoint)
    assert describe_use(bundle) == describe_use(start) | {"rule": bundle.rule}
    record = json.loads((adapted / "model.json").read_text())["adaptation"]
    assert record["method"] == "prototype:shares=1"
    assert [(frame["frame"], frame["gas"]) for frame in record["support"]["frames"]] == [
        (44, False),
        (47, False),
        (60, True),
        (75, True),
    ]
    assert len(record["support"]["sha256"]) == 64
    assert record["leave_one_out"]["folds"] == 2
    scores = record["leave_one_out"]["scores"]
    assert [score["amount"] for score in scores] == [0.0, 1.0]
    allowed = [score for score in scores if score["false_alarms"] <= scores[0]["false_alarms"]]
    assert record["amount"] == max(allowed, key=lambda score: score["j"])["amount"]


@pytest.mark.slow
def test_an_adapted_model_is_predicted_with_and_exported(checkpoint: Path, tmp_path: Path):
    start = tmp_path / "start"
    shutil.copytree(checkpoint, start)
    save_rule(start, {"name": "minmax_opening", "kernel": 9})
    folder = write_frames(tmp_path / "site" / "yard", SCENE, [44, 60])
    use = ["adapt", f"--support={folder.parent}", f"--checkpoint={start}", "--method=prototype:shares=2"]
    assert main([*use, f"--output={tmp_path / 'adapted'}"]) == 0
    bundle, before = load_model(tmp_path / "adapted"), arrays(load_model(start))
    changed = {path for path, value in arrays(bundle).items() if not np.array_equal(value, before[path])}
    assert changed == {"decoder/head/kernel", "decoder/head/bias"}  # half-way, as nothing could be held out
    assert bundle.rule is not None
    assert bundle.rule["name"] == "confidence_gate"  # what false alarms were counted with

    for image in sorted((folder / "images").iterdir())[8:]:
        image.unlink()
    clip, output = folder / "images", tmp_path / "out"
    assert main(["predict", str(clip), f"--checkpoint={tmp_path / 'adapted'}", f"--output={output}"]) == 0
    assert len(list((output / "masks").iterdir())) == 8
    assert main(["export", f"--checkpoint={tmp_path / 'adapted'}", f"--output={tmp_path / 'program'}"]) == 0
    assert (tmp_path / "program" / "manifest.json").is_file()


@pytest.mark.slow
def test_an_output_that_exists_stays(adapted: Path, support: Path, capsys: pytest.CaptureFixture[str]):
    before = (adapted / "model.json").read_bytes()
    assert main(["adapt", f"--support={support}", f"--output={adapted}"]) == 2
    assert "exists: choose another output folder" in capsys.readouterr().err
    assert (adapted / "model.json").read_bytes() == before


@pytest.mark.slow
def test_the_protocol_makes_a_table_and_goes_on_where_it_stopped(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    write_frames(tmp_path / "data" / "yard", SCENE, range(len(SCENE)))
    use = ["benchmark", "few-shot", f"--data-dir={tmp_path / 'data'}", f"--checkpoint={checkpoint}", "--shots=2"]
    use += [f"--output={tmp_path / 'out'}", "--methods=prototype:shares=1"]
    assert main(use) == 0
    assert "yard: prototype:shares=1, K = 2: J " in capsys.readouterr().out
    first = json.loads((tmp_path / "out" / "few_shot.json").read_text())
    assert [(point["method"], point["shots"]) for point in first["points"]] == [
        ("as it is", 0),
        ("prototype:shares=1", 2),
    ]
    assert first["scenes"][0]["leak_frames"] > 0
    assert main(use) == 0
    assert "K = 2: J " not in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "few_shot.json").read_text()) == first


def test_a_support_without_masks_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_frames(tmp_path / "site" / "yard", SCENE, [])
    assert main(["adapt", f"--support={tmp_path / 'site'}", f"--output={tmp_path / 'out'}"]) == 2
    assert "site: no frame has a mask" in capsys.readouterr().err
