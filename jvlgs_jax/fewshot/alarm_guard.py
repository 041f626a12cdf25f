"""No more false alarms than before: the gate of an adapted model, tightened as far as leak-free frames ask for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32

from jvlgs_jax.inference.postprocess import ConfidenceGate

HIGHS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)  # to tighten `high` to, where they are above it

Probability = Float32[np.ndarray, "h w"]


@dataclass(frozen=True, kw_only=True)
class GuardedGate:
    """What is known of false alarms.

    Attributes:
        gate: to use with the adapted model; None: no gate keeps it from more false alarms than before.
        frames: without gas that were looked at.
        before: of them, those that got a mask from the model as it was.
        adapted: from the adapted model, by the gate as it was.
        guarded: from the adapted model, by the new gate.
    """

    gate: ConfidenceGate | None
    frames: int
    before: int
    adapted: int
    guarded: int


def guard_gate(gate: ConfidenceGate, before: Sequence[Probability], adapted: Sequence[Probability]) -> GuardedGate:
    """Returns the loosest gate with which the adapted model has no more masks on frames without gas than the start.

    Args:
        gate: that the model came with.
        before: probabilities of frames without gas by the model as it was.
        adapted: of the same frames by the adapted model.
    """
    allowed = _masks(gate, before)
    for high in (gate.high, *(high for high in HIGHS if high > gate.high)):
        tightened = replace(gate, high=high)
        found = _masks(tightened, adapted)
        if found <= allowed:
            return GuardedGate(
                gate=tightened, frames=len(before), before=allowed, adapted=_masks(gate, adapted), guarded=found
            )
    return GuardedGate(gate=None, frames=len(before), before=allowed, adapted=_masks(gate, adapted), guarded=found)


def _masks(gate: ConfidenceGate, probabilities: Sequence[Probability]) -> int:
    """How many frames get a mask; votes over frames are left aside."""
    return sum(bool(gate.mask(probability).any()) for probability in probabilities)
