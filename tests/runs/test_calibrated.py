import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.cli.main import main
from jvlgs_jax.inference.postprocess import ConfidenceGate, MinMaxOpening, describe_rule
from jvlgs_jax.inference.segmenter import same_view
from jvlgs_jax.interop.model_folder import ModelBundle, abstract_model, load_model, save_model, save_rule
from jvlgs_jax.interop.parameters import flatten, replace
from jvlgs_jax.models.jvlgs import JvlgsConfig
from jvlgs_jax.models.multi_scale import InputSizes
from jvlgs_jax.runs import calibrated


class Brightness:
    """In place of a network: the brighter, the likelier gas."""

    def __init__(self, bundle):
        assert bundle.prompts == ("a", "b", "c", "d")

    def probabilities(self, frames, *, starts_view=same_view):
        for frame in frames:
            starts_view(frame)
            yield frame[..., 0].astype(np.float32) / 255


@pytest.fixture
def model(tmp_path):
    graphdef, state = nnx.split(abstract_model(JvlgsConfig.tiny()))
    arrays = {path: np.zeros(leaf.shape, leaf.dtype) for path, leaf in flatten(state).items()}
    folder = tmp_path / "model"
    save_model(folder, ModelBundle(nnx.merge(graphdef, replace(state, arrays)), ("a", "b", "c", "d"), "grey", (64, 96)))
    return folder


@pytest.fixture
def data(tmp_path):
    """A dull blob that is no gas, then a bright one that is."""
    for kind in ("images", "masks"):
        (tmp_path / "data" / "yard" / kind).mkdir(parents=True)
    for index, level in enumerate([170] * 6 + [250] * 6):
        frame = np.zeros((48, 64), np.uint8)
        frame[10:30, 10:40] = level
        cv2.imwrite(str(tmp_path / "data" / "yard" / "images" / f"{index:02d}.png"), frame)
        cv2.imwrite(
            str(tmp_path / "data" / "yard" / "masks" / f"{index:02d}.png"), 255 * (frame > 200).astype(np.uint8)
        )
    return tmp_path / "data"


def calibrate(model, data, *more):
    return main(["calibrate", "--checkpoint", str(model), "--data-dir", str(data), *more])


@pytest.mark.slow
def test_the_chosen_gate_goes_into_the_model_folder_and_nothing_else_changes(model, data, monkeypatch, capsys):
    monkeypatch.setattr(calibrated, "Segmenter", Brightness)
    save_rule(model, describe_rule(ConfidenceGate(minimum_pixels=5)))
    before = json.loads((model / "model.json").read_text())
    weights = (model / "weights.safetensors").read_bytes()
    assert calibrate(model, data) == 0
    after = json.loads((model / "model.json").read_text())
    rule = after.pop("rule")
    assert rule["name"] == "confidence_gate"
    assert rule["minimum_pixels"] == 5  # which is not in the grid
    assert rule["high"] == 0.7  # the least of the grid that 170 / 255 does not exceed
    assert after == {name: value for name, value in before.items() if name != "rule"}
    assert (model / "weights.safetensors").read_bytes() == weights
    said = json.loads((model / "calibration.json").read_text())
    assert (said["kind"], said["rule"]) == ("labelled", rule)
    found = ["calibration.json", "calibration.svg", "model.json", "weights.safetensors"]
    assert sorted(path.name for path in model.iterdir()) == found
    assert "false alarms 0.00%" in capsys.readouterr().out

    other = model.with_name("other")
    assert calibrate(model, data, "--output", str(other)) == 0
    assert json.loads((other / "model.json").read_text())["rule"] == rule
    assert calibrate(model, data, "--output", str(other)) == 2
    assert "exists: choose another output folder" in capsys.readouterr().err


@pytest.mark.slow
def test_a_new_model_may_look_at_other_sizes_and_the_gate_is_chosen_for_them(model, data, monkeypatch):
    asked = []
    monkeypatch.setattr(calibrated, "Segmenter", lambda bundle: asked.append(bundle.sizes) or Brightness(bundle))
    two, one = (model.with_name(name) for name in ("two", "one"))
    assert calibrate(model, data, "--output", str(two), "--input-size=96x128", "--coarse-size=64x96") == 0
    assert load_model(two).sizes == InputSizes((96, 128), (64, 96))
    assert calibrate(two, data, "--output", str(one), "--coarse-size=none") == 0
    assert load_model(one).sizes == InputSizes((96, 128))
    assert asked == [InputSizes((96, 128), (64, 96)), InputSizes((96, 128))]


def test_an_input_size_below_the_coarse_one_is_refused_in_one_line(model, data, capsys):
    save_model(model, dataclasses.replace(load_model(model), coarse_size=(64, 96)))
    output = model.with_name("new")
    assert calibrate(model, data, "--output", str(output), "--input-size=32x64") == 2
    error = capsys.readouterr().err
    assert "coarse size is 64x96, larger than the input size, 32x64: choose a smaller" in error
    assert "(`jvlgs calibrate --coarse-size`), or none" in error
    assert error.count("\n") == 1
    assert not output.exists()


@pytest.mark.slow
def test_where_no_gate_keeps_the_limit_nothing_is_written(model, data, monkeypatch, capsys):
    class Blind(Brightness):
        def probabilities(self, frames):
            for frame in frames:
                yield np.ones(frame.shape[:2], np.float32)

    monkeypatch.setattr(calibrated, "Segmenter", Blind)
    before = (model / "model.json").read_bytes()
    assert calibrate(model, data) == 2
    assert "no gate raises false alarms on at most 1.00% of the leak-free frames" in capsys.readouterr().err
    assert (model / "model.json").read_bytes() == before


def test_a_shipped_model_needs_an_output(data, capsys):
    assert calibrate(Path("plume_small"), data) == 2
    assert "not a model folder, so that the gate cannot go there: give --output=DIR" in capsys.readouterr().err


def test_a_mistyped_checkpoint_is_told_as_such(tmp_path, data, capsys):
    assert calibrate(tmp_path / "modle", data) == 2
    assert "modle: no such checkpoint: give a model folder" in capsys.readouterr().err


def test_footage_without_leaks_is_enough(model, data, monkeypatch, capsys):
    """The dull blob of 170 / 255 raises an alarm; 6 frames at 15 a second are 0.4 seconds, without the first 0.33."""
    monkeypatch.setattr(calibrated, "Segmenter", Brightness)
    for image in sorted((data / "yard" / "images").iterdir())[6:]:
        image.unlink()
    use = ["calibrate", f"--checkpoint={model}", f"--leak-free={data / 'yard' / 'images'}", "--alarm=window_s=0.2"]
    assert main([*use, "--false-alarms-per-hour=1"]) == 2
    error = capsys.readouterr().err
    assert "cannot be promised at 95%: with the highest threshold, 0.995, there were 0 alarms in 0.00 h in" in error
    assert main([*use, "--false-alarms-per-hour=33000"]) == 0
    out = capsys.readouterr().out
    assert "0 alarms in 0.00 h in which one could be raised: at most 32353.91 an hour at 95% confidence" in out
    assert json.loads((model / "model.json").read_text())["rule"]["high"] == 0.7
    said = json.loads((model / "calibration.json").read_text())
    assert (said["kind"], said["per_hour"], said["alarm"]) == ("leak_free", 33000.0, "window_s=0.2")
    assert "<svg" in (model / "calibration.svg").read_text()


def test_a_promise_is_for_the_gate_and_the_alarms_that_it_was_made_with(tmp_path):
    gate = ConfidenceGate(low=0.3, high=0.7)
    said = {"kind": "leak_free", "alarm": None, "bound_per_hour": 0.9, "confidence": 0.95, "hours": 3.3, "alarms": 0}
    path = tmp_path / calibrated.CALIBRATION
    path.write_text(json.dumps(said | {"rule": describe_rule(gate)}))
    promise = calibrated.describe_promise(tmp_path, gate, None)
    assert promise["false_alarms"].startswith("at most 0.9 an hour at 95% confidence")
    assert (promise["hours_in_which_one_could_be_raised"], promise["alarms_in_them"]) == (3.3, 0)
    others = [(ConfidenceGate(low=0.3, high=0.6), None), (gate, "window_s=2"), (MinMaxOpening(), None)]
    assert [calibrated.describe_promise(tmp_path, *other) for other in others] == [None] * 3
    path.write_text(json.dumps(said))
    assert calibrated.describe_promise(tmp_path, gate, None) is None
