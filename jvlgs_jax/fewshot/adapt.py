"""Adapts a model to a site: how far is chosen on frames left out, and its gate is kept from more false alarms."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx
from jaxtyping import Float32
from tqdm import tqdm

from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.fewshot.alarm_guard import GuardedGate, guard_gate
from jvlgs_jax.fewshot.leave_one_out import Choice, choose_amount, folds_of, probability_of
from jvlgs_jax.fewshot.methods import AdaptationMethod
from jvlgs_jax.fewshot.network import Forward, Variables, take_apart
from jvlgs_jax.fewshot.pool import Pool, make_pool
from jvlgs_jax.fewshot.support import Support, SupportFrame
from jvlgs_jax.inference.postprocess import ConfidenceGate, describe_rule, rule_from
from jvlgs_jax.interop.fingerprint import fingerprint
from jvlgs_jax.interop.model_folder import ModelBundle, describe_use, save_arrays
from jvlgs_jax.interop.parameters import flatten
from jvlgs_jax.models.jvlgs import Jvlgs

RECORD = "adaptation"  # the entry of model.json


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """An adapted model and how it came about.

    Attributes:
        bundle: the model, with its gate.
        choice: how far it went.
        guard: false alarms on leak-free frames.
        record: what model.json says of all this, as JSON's types.
    """

    bundle: ModelBundle
    choice: Choice
    guard: GuardedGate
    record: dict[str, Any]

    def __str__(self) -> str:
        scores, guard = self.choice.scores, self.guard
        amounts = ", ".join(f"{amount:g}" for amount in self.record["amounts"])
        lines = [f"{self.record['method']}: {self.record['amount']:g} of {amounts}"]
        if scores:
            before, after = scores[0], scores[self.choice.candidate]
            lines.append(
                f"on frames left out, in {self.choice.folds} parts: J {before.j:.3f} -> {after.j:.3f}, "
                f"false alarms {before.false_alarms} -> {after.false_alarms}"
            )
        if guard.gate is None:
            lines.append(
                f"left as it was: no gate keeps the adapted model's false alarms ({guard.guarded} of {guard.frames} "
                f"frames without gas) down to those before ({guard.before})"
            )
        elif guard.frames:
            lines.append(
                f"false alarms on {guard.frames} frames without gas: {guard.before} before, {guard.guarded} after"
                + (f" (gate tightened to high={guard.gate.high})" if guard.adapted > guard.guarded else "")
            )
        return "\n".join(lines)


def windows_of(bundle: ModelBundle) -> ClipConfig:
    """Returns the windows that a model was trained with."""
    return ClipConfig(step=bundle.step, direction=bundle.direction)


def adapt(bundle: ModelBundle, support: Support, method: AdaptationMethod, name: str) -> Adaptation:
    """Returns the model adapted to the site that `support` shows; `name` is what its record calls the method.

    Where no gate keeps the adapted model from more false alarms than before on leak-free frames, the model stays as it
    was. The bundle itself is left alone. Progress goes to stderr.
    """
    network, variables = take_apart(bundle)
    forward, gate = method.forward(network, variables), gate_of(bundle)
    clips = windows_of(bundle)
    pool = make_pool(support.frames, forward, variables, clips, variants=method.variants)
    checks = _leak_free_pool(support, forward, variables, clips)
    rounds = (len(folds_of(support.frames)) + 1) * len(method.amounts)
    with tqdm(total=rounds, desc=f"adapt ({name})", unit="round", disable=None, leave=False) as progress:
        choice = choose_amount(method, forward, variables, pool, gate, progress.update)
        adapted = variables
        adapted = variables
        candidates = method.candidates(forward, variables, pool, range(len(pool.frames)))
        for candidate in islice(candidates, choice.candidate + 1):
            adapted = candidate
            progress.update()
    guard = guard_gate(gate, _probabilities(forward, variables, checks), _probabilities(forward, adapted, checks))
    if guard.gate is None:
        choice, adapted = replace(choice, candidate=0), variables
    kept = guard.gate or gate
    rule = bundle.rule if kept == gate else describe_rule(kept)
    result = replace(bundle, model=_put_together(bundle, adapted), rule=rule)
    return Adaptation(
        bundle=result,
        choice=choice,
        guard=guard,
        record=_record(bundle, support, method, name, choice, guard),
    )


def gate_of(bundle: ModelBundle) -> ConfidenceGate:
    """Returns the model's confidence gate, or the default one for a model whose rule is another."""
    rule = None if bundle.rule is None else rule_from(bundle.rule)
    return rule if isinstance(rule, ConfidenceGate) else ConfidenceGate()


def save_adaptation(folder: Path, adaptation: Adaptation) -> None:
    """Writes the adapted model with its record as a model folder; see `save_model`."""
    bundle = adaptation.bundle
    arrays = {path: np.asarray(value) for path, value in flatten(nnx.state(bundle.model)).items()}
    save_arrays(folder, "model", bundle.model.config, arrays, {**describe_use(bundle), RECORD: adaptation.record})


def _leak_free_pool(support: Support, forward: Forward, variables: Variables, clips: ClipConfig) -> Pool:
    """The frames without gas that false alarms are counted on: those set aside, or else those learned from."""
    frames: Sequence[SupportFrame] = support.leak_free or [frame for frame in support.frames if not frame.leaks]
    return make_pool(frames, forward, variables, clips, variants=1)


def _probabilities(forward: Forward, variables: Variables, pool: Pool) -> list[Float32[np.ndarray, "h w"]]:
    return [probability_of(forward, variables, pool, k) for k in range(len(pool.frames))]


def _put_together(bundle: ModelBundle, variables: Variables) -> Jvlgs:
    graphdef, _, _ = nnx.split(bundle.model, nnx.Param, ...)
    return nnx.merge(graphdef, variables.params, variables.rest, copy=True)


def _record(
    bundle: ModelBundle,
    support: Support,
    method: AdaptationMethod,
    name: str,
    choice: Choice,
    guard: GuardedGate,
) -> dict[str, Any]:
    return {
        "method": name,
        "settings": asdict(method),  # pyrefly: ignore[bad-argument-type]  # methods are dataclasses
        "start_sha256": fingerprint(bundle),
        "support": {
            "sha256": support.sha256,
            "frames": [{"scene": f.scene, "frame": f.number, "gas": f.leaks} for f in support.frames],
            "leak_free_frames": len(support.leak_free),
        },
        "amounts": list(method.amounts),
        "amount": method.amounts[choice.candidate],
        "leave_one_out": {"folds": choice.folds, "scores": [asdict(score) for score in choice.scores]},
        "false_alarms": {name: value for name, value in asdict(guard).items() if name != "gate"},
    }
