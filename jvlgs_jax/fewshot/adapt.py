"""Adapts a model to a site: how far is chosen on frames left out, and its gate is kept from more false alarms."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import nnx
from jaxtyping import Float32
from tqdm import tqdm

from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.errors import UserError
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


class AdaptedVariables(NamedTuple):
    """A network's numbers after adaptation, how far it went, and what it does on leak-free frames."""

    variables: Variables
    choice: Choice
    guard: GuardedGate


def windows_of(bundle: ModelBundle) -> ClipConfig:
    """Returns the windows that a model was trained with."""
    return ClipConfig(step=bundle.step, direction=bundle.direction)


def adapt(bundle: ModelBundle, support: Support, method: AdaptationMethod, name: str) -> Adaptation:
    """Returns the model adapted to the site that `support` shows; `name` is what its record calls the method.

    See `adapt_variables`. The adapted model has the gate that it was judged by. The bundle itself is left alone.
    """
    network, variables = take_apart(bundle)
    forward, gate = method.forward(network, variables), gate_of(bundle)
    found = adapt_variables(method, forward, variables, support, gate, windows_of(bundle), name)
    kept, was = found.guard.gate, ConfidenceGate() if bundle.rule is None else rule_from(bundle.rule)
    rule = bundle.rule if kept is None or kept == was else describe_rule(kept)
    return Adaptation(
        bundle=replace(bundle, model=_put_together(bundle, found.variables), rule=rule),
        choice=found.choice,
        guard=found.guard,
        record=_record(bundle, support, method, name, found),
    )


def adapt_variables(
    method: AdaptationMethod,
    forward: Forward,
    variables: Variables,
    support: Support,
    gate: ConfidenceGate,
    clips: ClipConfig,
    name: str,
) -> AdaptedVariables:
    """Returns the numbers of a network that has learned from the frames of `support`.

    Where no gate keeps it from more false alarms than before on leak-free frames, they stay as they were; a method that
    starts anew is not guarded. Progress goes to stderr, by `name`.

    UserError where the method ends in numbers that are not finite.
    """
    pool = make_pool(support.frames, forward, variables, clips, variants=method.variants)
    checks = make_pool(_leak_free(support, method), forward, variables, clips, variants=1)
    rounds = (len(folds_of(support.frames)) + 1) * len(method.amounts)
    with tqdm(total=rounds, desc=f"adapt ({name})", unit="round", disable=None, leave=False) as progress:
        choice = choose_amount(method, forward, variables, pool, gate, progress.update)
        adapted = variables
        candidates = method.candidates(forward, variables, pool, range(len(pool.frames)))
        for candidate in islice(candidates, choice.candidate + 1):
            adapted = candidate
            progress.update()
    before, after = (_probabilities(forward, of, checks) for of in (variables, adapted))
    if not all(np.isfinite(array).all() for array in jax.tree.leaves((adapted.params, after))):
        raise UserError(f"{name}: ends in numbers that are not finite: lower its learning_rate")
    guard = guard_gate(gate, before, after)
    if guard.gate is None:
        choice, adapted = replace(choice, candidate=0), variables
    return AdaptedVariables(adapted, choice, guard)


def gate_of(bundle: ModelBundle) -> ConfidenceGate:
    """Returns the model's confidence gate, or the default one for a model whose rule is another."""
    rule = None if bundle.rule is None else rule_from(bundle.rule)
    return rule if isinstance(rule, ConfidenceGate) else ConfidenceGate()


def save_adaptation(folder: Path, adaptation: Adaptation) -> None:
    """Writes the adapted model with its record as a model folder; see `save_model`."""
    bundle = adaptation.bundle
    arrays = {path: np.asarray(value) for path, value in flatten(nnx.state(bundle.model)).items()}
    save_arrays(folder, "model", bundle.model.config, arrays, {**describe_use(bundle), RECORD: adaptation.record})


def _leak_free(support: Support, method: AdaptationMethod) -> Sequence[SupportFrame]:
    """The frames without gas that false alarms are counted on: those set aside, or else those learned from."""
    if method.starts_anew:
        return ()
    return support.leak_free or [frame for frame in support.frames if not frame.leaks]


def _probabilities(forward: Forward, variables: Variables, pool: Pool) -> list[Float32[np.ndarray, "h w"]]:
    return [probability_of(forward, variables, pool, k) for k in range(len(pool.frames))]


def _put_together(bundle: ModelBundle, variables: Variables) -> Jvlgs:
    graphdef, _, _ = nnx.split(bundle.model, nnx.Param, ...)
    return nnx.merge(graphdef, variables.params, variables.rest, copy=True)


def _record(
    bundle: ModelBundle, support: Support, method: AdaptationMethod, name: str, found: AdaptedVariables
) -> dict[str, Any]:
    choice = found.choice
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
        "false_alarms": {name: value for name, value in asdict(found.guard).items() if name != "gate"},
    }
