"""What is wrong with a support set: what cannot be learned from is refused, what can mislead is warned of."""

from collections.abc import Iterator
from itertools import chain, combinations, product

import numpy as np

from jvlgs_jax.data.planes import BACKGROUND_WARM_UP, InputPlanes
from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.support import Support, SupportFrame

LEAST_PAST = 5  # frames before one, below which what has changed in it does not show

# Of two copies of one picture, in grey levels: gas that has just begun changes more within its mask.
SAME_IN_MASKS = 0.25  # mean difference
SAME_ELSEWHERE = 2.0  # that all but a thousandth of the pixels differ by at most
LEAST_OVERLAP = 0.5  # IoU of two masks of one picture

# Of two frames of nearly the same moment, in grey levels.
NEIGHBOURS = 2  # frames from one to the other, at most
NEARLY_ALIKE = 2.0  # mean difference
LEAST_CHANGE = 2.0  # median difference where gas has come or gone, beside that of the whole picture


def check_support(support: Support, planes: InputPlanes, name: str) -> list[str]:
    """Returns what to warn of, a line each.

    UserError, which calls the support `name`, where there is no frame, or none with gas, where a frame has too few
    before it for planes that remember, and where two masks of one picture contradict each other.
    """
    if not support.frames:
        raise UserError(f"{name}: no frame has a mask: annotate at least one that shows gas (docs/fewshot.md)")
    if not support.shots:
        raise UserError(
            f"{name}: none of the {len(support.frames)} annotated frames shows gas: annotate at least one that does, "
            "or use `jvlgs calibrate` against false alarms"
        )
    warnings = list(_past(support, name)) if planes.remembers else []
    warnings += _contradictions(support, name)
    if support.shots == len(support.frames) and not support.leak_free:
        warnings.append(
            f"{name}: every annotated frame shows gas, so that false alarms cannot be judged: add frames with empty "
            "masks, or footage without gas with --leak-free"
        )
    if support.shots == 1:
        warnings.append(
            f"{name}: one frame with gas cannot be left out to choose how far to adapt: annotate two or more"
        )
    return warnings


def _past(support: Support, name: str) -> Iterator[str]:
    for frame in support.frames:
        if frame.number < LEAST_PAST:
            raise UserError(
                f"{name}: {frame} has {frame.number} frames before it, the background needs {LEAST_PAST}, better "
                f"{BACKGROUND_WARM_UP}: add them beside it, or remove its mask"
            )
    cold = [frame for frame in support.frames if frame.number < BACKGROUND_WARM_UP]
    if cold:
        yield (
            f"{name}: {len(cold)} of {len(support.frames)} frames have fewer than {BACKGROUND_WARM_UP} before them "
            f"({cold[0]} has {cold[0].number}), so that gas may have gone into their background"
        )


def _contradictions(support: Support, name: str) -> Iterator[str]:
    for first, second in _pairs(support):
        overlap = _overlap(first, second)
        if overlap >= LEAST_OVERLAP:
            continue
        difference = first.sample.planes[..., 0] - second.sample.planes[..., 0]
        masked = difference[:, (first.mask | second.mask) > 0]
        if np.abs(masked).mean() <= SAME_IN_MASKS and np.percentile(np.abs(difference), 99.9) <= SAME_ELSEWHERE:
            raise UserError(
                f"{name}: {first} and {second} are the same picture, but their masks overlap by {overlap:.0%}: remove "
                "one of them"
            )
        if overlap > 0 or first.scene != second.scene or abs(first.number - second.number) > NEIGHBOURS:
            continue
        if not (first.leaks and second.leaks):
            # The medians: gas that drifts on changes the edges of its mask, however strong it is.
            change = np.median(masked, axis=1) - np.median(difference, axis=(1, 2))
            if np.abs(change).max() < LEAST_CHANGE:
                gas, empty = (first, second) if first.leaks else (second, first)
                yield f"{name}: {gas} shows gas and {empty} none, but hardly anything changes there: check their masks"
        elif np.abs(difference).mean() <= NEARLY_ALIKE:
            yield f"{name}: {first} and {second} look nearly alike, but their masks do not meet: check them"


def _pairs(support: Support) -> Iterator[tuple[SupportFrame, SupportFrame]]:
    """What may contradict each other: frames to learn from, and those with gas and the leak-free ones."""
    gas = [frame for frame in support.frames if frame.leaks]
    for first, second in chain(combinations(support.frames, 2), product(gas, support.leak_free)):
        if first.sample.planes.shape == second.sample.planes.shape:
            yield first, second


def _overlap(first: SupportFrame, second: SupportFrame) -> float:
    one, other = first.mask > 0, second.mask > 0
    either = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / either if either else 1.0
