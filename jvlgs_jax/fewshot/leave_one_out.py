"""How far to adapt: judged on support frames that were left out of the learning, and by false alarms among them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from jaxtyping import Float32

from jvlgs_jax.fewshot.methods import AdaptationMethod
from jvlgs_jax.fewshot.network import Forward, Variables, first_logits
from jvlgs_jax.fewshot.pool import Pool
from jvlgs_jax.fewshot.support import SupportFrame
from jvlgs_jax.inference.postprocess import ConfidenceGate, native_probability

MAX_FOLDS = 5

Told = Callable[[], object]
"""Hears that one more candidate has been made."""


@dataclass(frozen=True, kw_only=True)
class HeldOutScore:
    """What one candidate does on frames that it did not learn from.

    Attributes:
        amount: how far it has gone, see `AdaptationMethod.amounts`.
        j: mean over frames: IoU, which is 1 on a frame without gas that stays without a mask, and 0 if it does not.
        false_alarms: frames without gas that get a mask.
    """

    amount: float
    j: float
    false_alarms: int


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How far to adapt.

    Attributes:
        candidate: number of the amount.
        scores: of all candidates; empty where no frame could be left out.
        folds: parts of the support that were left out in turn.
    """

    candidate: int
    scores: tuple[HeldOutScore, ...]
    folds: int


def folds_of(frames: Sequence[SupportFrame]) -> list[list[int]]:
    """Returns the numbers of the frames that are left out together; empty where that leaves no gas to learn from.

    One frame with gas each, or neighbours together where there are more than MAX_FOLDS; frames without gas are shared
    out alike.
    """
    gas = [k for k, frame in enumerate(frames) if frame.leaks]
    empty = [k for k, frame in enumerate(frames) if not frame.leaks]
    if len(gas) < 2:
        return []
    count = min(len(gas), MAX_FOLDS)
    parts = zip(np.array_split(gas, count), np.array_split(empty, count), strict=True)
    return [sorted(int(k) for k in np.concatenate(part)) for part in parts]


def choose_amount(
    method: AdaptationMethod, forward: Forward, variables: Variables, pool: Pool, gate: ConfidenceGate, told: Told
) -> Choice:
    """Returns the candidate with the best mean J on frames left out, of those with no more false alarms than the start.

    Of equals the one that goes least far. Where no frame can be left out it is `method.unjudged`. A method that starts
    anew may raise false alarms; a candidate that made a probability that is no number is not taken.
    """
    folds = folds_of(pool.frames)
    if not folds:
        return Choice(candidate=method.unjudged, scores=(), folds=0)
    j: list[list[float]] = [[] for _ in method.amounts]
    alarms = [0] * len(method.amounts)
    finite = [True] * len(method.amounts)
    for held_out in folds:
        members = [k for k in range(len(pool.frames)) if k not in held_out]
        for number, candidate in enumerate(method.candidates(forward, variables, pool, members)):
            for k in held_out:
                probability = probability_of(forward, candidate, pool, k)
                overlap, alarm = judge(gate, probability, pool.frames[k])
                j[number].append(overlap)
                alarms[number] += alarm
                finite[number] &= bool(np.isfinite(probability).all())
            told()
    scores = [
        HeldOutScore(amount=amount, j=fmean(of), false_alarms=count)
        for amount, of, count in zip(method.amounts, j, alarms, strict=True)
    ]
    limit = len(pool.frames) if method.starts_anew else scores[0].false_alarms
    allowed = [number for number, score in enumerate(scores) if score.false_alarms <= limit and finite[number]]
    best = max(allowed or [0], key=lambda number: (scores[number].j, -number))
    return Choice(candidate=best, scores=tuple(scores), folds=len(folds))


def probability_of(forward: Forward, variables: Variables, pool: Pool, frame: int) -> Float32[np.ndarray, "h w"]:
    """Returns the gas probabilities of a frame as it was recorded, at its own size."""
    logits = first_logits(forward, variables, pool.recorded(frame))
    return native_probability(logits, pool.frames[frame].mask.shape)


def judge(gate: ConfidenceGate, probability: Float32[np.ndarray, "h w"], frame: SupportFrame) -> tuple[float, bool]:
    """Returns the J of the frame's mask, and whether it is a false alarm; votes over frames are left aside."""
    predicted, truth = gate.mask(probability) > 0, frame.mask > 0
    if not truth.any():
        return float(not predicted.any()), bool(predicted.any())
    both, either = np.count_nonzero(predicted & truth), np.count_nonzero(predicted | truth)
    return both / either, False
