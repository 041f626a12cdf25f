"""Gives a model the confidence gate that suits it, chosen on validation videos."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from jvlgs_jax.data.scene import Scene
from jvlgs_jax.evaluation.calibration import Calibration, GateGrid, calibrate
from jvlgs_jax.inference.postprocess import describe_rule
from jvlgs_jax.inference.segmenter import Segmenter
from jvlgs_jax.interop.model_folder import ModelBundle, save_model, save_rule


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
    is written there. Nothing is written where no gate keeps the limit.
    """
    calibration = calibrate(Segmenter(bundle), scenes, max_false_alarms=max_false_alarms, grid=grid)
    rule = describe_rule(calibration.chosen.gate)
    if output.exists():
        save_rule(output, rule)
    else:
        save_model(output, replace(bundle, rule=rule))
    return calibration
