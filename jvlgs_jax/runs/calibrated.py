"""Gives a model the confidence gate that suits it, chosen on labelled videos or on footage without leaks."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from jvlgs_jax.data.scene import Scene
from jvlgs_jax.data.video import Video
from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.calibration import Calibration, GateGrid, calibrate
from jvlgs_jax.evaluation.calibration_plot import draw_false_alarms, draw_reliability
from jvlgs_jax.evaluation.leak_free import FalseAlarmLimit, LeakFreeCalibration, calibrate_leak_free
from jvlgs_jax.inference.postprocess import ConfidenceGate, NamedRule, describe_rule, rule_from
from jvlgs_jax.inference.replacement import replacement
from jvlgs_jax.inference.segmenter import Segmenter
from jvlgs_jax.interop.model_folder import CALIBRATION, ModelBundle, save_model, save_rule

PLOT = "calibration.svg"


def calibrate_model(
    bundle: ModelBundle,
    scenes: Iterable[Scene],
    output: Path,
    *,
    max_false_alarms: float,
    grid: GateGrid | None = None,
) -> Calibration:
    """Chooses the model's gate on `scenes`, see `calibrate`, and writes it to `output`, for `predict` to use.

    Where `output` is a model folder only its rule changes, so that it must be the bundle's own; otherwise a whole model
    is written there. What the choice rests on is beside it, in numbers and as a reliability plot. Nothing is written
    where no gate keeps the limit. What the gate does beside what `grid` says stays as it was; None: the usual grid.
    """
    grid = GateGrid(base=_own_gate(bundle) or ConfidenceGate()) if grid is None else grid
    calibration = calibrate(Segmenter(bundle), scenes, max_false_alarms=max_false_alarms, grid=grid)
    plot = draw_reliability(calibration.reliability)
    _write(bundle, output, calibration.chosen.gate, calibration.to_json(), plot)
    return calibration


def calibrate_model_leak_free(
    bundle: ModelBundle, videos: Iterable[Video], output: Path, limit: FalseAlarmLimit
) -> LeakFreeCalibration:
    """Chooses the model's gate on footage without leaks, see `calibrate_leak_free`, and writes it as above.

    What the gate does beside its thresholds stays as it was.
    """
    calibration = calibrate_leak_free(Segmenter(bundle), videos, limit, base=_own_gate(bundle))
    _write(bundle, output, calibration.chosen.gate, calibration.to_json(), draw_false_alarms(calibration))
    return calibration


def read_calibration(folder: Path) -> dict[str, Any] | None:
    """Returns what a model folder's gate rests on; None where nothing is said of it. UserError for a damaged file."""
    path = folder / CALIBRATION
    if not path.is_file():
        return None
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: damaged ({error}): calibrate again, or remove it") from error


def describe_promise(folder: Path, rule: NamedRule, alarm: str | None) -> dict[str, Any] | None:
    """Returns what results say of the false alarms that a model folder's gate was calibrated for, as JSON's types.

    None where it was not calibrated so, or not with this rule and these settings of alarms: the folder's own rule may
    have been changed since by hand, or by a calibration that was killed before it could say so.
    """
    said = read_calibration(folder)
    if said is None or said.get("kind") != "leak_free" or said["alarm"] != alarm:
        return None
    if said.get("rule") != describe_rule(rule):
        return None
    return {
        "false_alarms": f"at most {said['bound_per_hour']:g} an hour at {said['confidence']:.0%} confidence, on "
        "footage like that calibrated on",
        "hours_in_which_one_could_be_raised": said["hours"],
        "alarms_in_them": said["alarms"],
    }


def _own_gate(bundle: ModelBundle) -> ConfidenceGate | None:
    """The gate that a model comes with, if it has one."""
    rule = None if bundle.rule is None else rule_from(bundle.rule)
    return rule if isinstance(rule, ConfidenceGate) else None


def _write(bundle: ModelBundle, output: Path, gate: ConfidenceGate, said: dict[str, Any], plot: str) -> None:
    rule = describe_rule(gate)
    if output.exists():
        save_rule(output, rule)
    else:
        save_model(output, replace(bundle, rule=rule))
    for name, text in ((CALIBRATION, json.dumps(said, indent=2) + "\n"), (PLOT, plot)):
        with replacement(output / name) as partial:
            partial.write_text(text, encoding="utf-8")
