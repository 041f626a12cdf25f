"""The full evaluation: whole videos, every frame at its own size, shared by all processes scene by scene."""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import jax
import numpy as np
from jaxtyping import Float32, UInt8

from jvlgs_jax.data.gain import whole_levels
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.evaluation.baselines import BASELINES
from jvlgs_jax.evaluation.evaluator import MODEL, evaluate
from jvlgs_jax.evaluation.records import FrameRecord
from jvlgs_jax.evaluation.report import Scores, score
from jvlgs_jax.inference.frame_table import describe_frame
from jvlgs_jax.inference.overlay import draw_overlay
from jvlgs_jax.inference.segmenter import Segmenter
from jvlgs_jax.interop.model_folder import ModelBundle
from jvlgs_jax.training.config import EvaluatorConfig
from jvlgs_jax.training.evaluators.findings import Findings, HeldOut, Picture
from jvlgs_jax.training.processes import gathered
from jvlgs_jax.training.state import gathered_model

MAX_PICTURES = 4


class FrameEvaluator:
    """Scores a model on videos as `jvlgs evaluate` does."""

    def __init__(self, config: EvaluatorConfig, held_out: HeldOut, *, stopped: Callable[[], bool]) -> None:
        """Takes the scenes that `config` names; between scenes, `stopped` says whether to give up."""
        self._baselines = config.baselines
        self._scenes, self._numbers = held_out.part(config), held_out.numbers(config)
        self._rule = held_out.rule(config)
        self._stopped = stopped

    def __call__(self, bundle: ModelBundle, *, final: bool) -> Findings | None:
        """Scores the model on every scene, at the end beside the baselines; see `Evaluator`."""
        bundle = replace(bundle, model=gathered_model(bundle.model))
        own = self._numbers[jax.process_index() :: jax.process_count()]
        scenes = itertools.takewhile(lambda _: not self._stopped(), (self._scenes[number] for number in own))
        album = _Album()
        baselines = BASELINES if self._baselines and final else {}
        records = evaluate(Segmenter(bundle), scenes, self._rule, baselines, watch=album.add).records
        answers = [json.loads(answer) for answer in gathered(_message(records, stopped=self._stopped()))]
        if any(answer["stopped"] for answer in answers):
            return None
        merged = {method: rows for method, rows in _in_turn(answers).items() if rows}
        scores = {method: score(rows) for method, rows in merged.items()}
        metrics = frame_metrics(scores[MODEL]) if scores else {}
        return Findings(metrics=metrics, scores=scores, records=merged, pictures=album.pictures)


def frame_metrics(of: Scores) -> dict[str, float]:
    """Returns the numbers of FRAME_METRICS."""
    return {
        "jvlgs_j": of.jvlgs.j,
        "jvlgs_f": of.jvlgs.f,
        "davis_j": of.davis.j,
        "davis_f": of.davis.f,
        "langgas_j": of.langgas.j,
        "langgas_frame_accuracy": of.langgas.frame_accuracy,
        "false_alarm_rate": of.alarms.false_alarm_rate,
        "detection_rate": of.alarms.detection_rate,
        "onset_latency": of.alarms.onset_latency,
    }


class _Album:
    """Keeps a picture of each of the first few scenes: the frame in the middle of the gas, or of the scene."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self._scene, self._chosen = "", 0

    def add(
        self, scene: Scene, frame: int, probability: Float32[np.ndarray, "h w"], mask: UInt8[np.ndarray, "h w"]
    ) -> None:
        if scene.name != self._scene:
            leak = np.flatnonzero(scene.has_leak)
            self._scene, self._chosen = scene.name, int(leak[len(leak) // 2]) if leak.size else len(scene) // 2
        if frame == self._chosen and len(self.pictures) < MAX_PICTURES:
            row = describe_frame(frame, frame / scene.frames_per_second, probability, mask)
            pixels = draw_overlay(whole_levels(scene.frames[frame]), probability, mask, row)
            self.pictures.append(Picture(f"{scene.name}/{frame}", pixels))


def _message(records: Mapping[str, Sequence[FrameRecord]], *, stopped: bool) -> bytes:
    return json.dumps({"stopped": stopped, "records": records}).encode()


def _in_turn(answers: Sequence[dict]) -> dict[str, list[FrameRecord]]:
    """Returns the records of all processes by method, their scenes in the order in which one process has them."""
    merged: dict[str, list[FrameRecord]] = {}
    for method in answers[0]["records"]:
        scenes = [_by_scene(answer["records"][method]) for answer in answers]
        turns = itertools.chain.from_iterable(itertools.zip_longest(*scenes, fillvalue=[]))
        merged[method] = list(itertools.chain.from_iterable(turns))
    return merged


def _by_scene(rows: Sequence[list]) -> list[list[FrameRecord]]:
    records = [FrameRecord._make(row) for row in rows]
    return [list(of_scene) for _, of_scene in itertools.groupby(records, key=lambda record: record.scene)]
