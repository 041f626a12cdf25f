"""From probabilities to masks: the published rule, and one that can say that there is no leak."""

import difflib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.evidence import Evidence, EvidenceStream
from jvlgs_jax.inference.morphology import check_kernel, opening
from jvlgs_jax.inference.settings import check_hysteresis, check_least, check_shares, parse_settings, with_settings

MINMAX_EPSILON = 1e-8  # in the published denominator; it moves pixels on frames whose probabilities hardly differ

FrameRule = Callable[[Float32[np.ndarray, "h w"]], UInt8[np.ndarray, "h w"]]
"""Turns the probabilities of one frame into its 0/1 mask."""


@runtime_checkable
class MaskStream(Protocol):
    """The masks of one video, frame by frame."""

    def push(self, probability: Float32[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
        """Returns the 0/1 mask of the next frame, which depends on no later one."""
        ...


@runtime_checkable
class MaskRule(Protocol):
    """Turns gas probabilities at native size into 0/1 masks. Get one by name with `mask_rule`."""

    def stream(self) -> MaskStream:
        """Starts a video."""
        ...


@dataclass(frozen=True, kw_only=True)
class MinMaxOpening:
    """The published rule on probabilities: min-max over the frame, above one half, opening.

    The min-max stretches even a confident "no leak" over one half, so that nearly every frame gets a mask. It is here
    to compare with published numbers.

    Attributes:
        kernel: diameter of the opening's ellipse in pixels.
    """

    kernel: int = 9

    def __post_init__(self) -> None:
        check_kernel(self.kernel)

    def mask(self, probability: Float32[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
        """Returns the 0/1 mask of a frame; empty where all probabilities are equal."""
        low, high = probability.min(), probability.max()
        relative = (probability - low) / (high - low + np.float32(MINMAX_EPSILON))
        return opening((relative > 0.5).astype(np.uint8), self.kernel)

    def stream(self) -> MaskStream:
        """Starts a video; this rule has no memory."""
        return _FrameByFrame(self)


@dataclass(frozen=True, kw_only=True)
class ConfidenceGate:
    """Our rule, the default: absolute thresholds, so that a frame without gas gets an empty mask.

    A frame passes these steps, in this order:

    1. hysteresis: the 8-connected regions above `low` that hold a pixel above `high`;
    2. opening by an ellipse;
    3. regions of less than the minimum area are dropped;
    4. all is dropped if the frame's largest probability is below `frame_confidence`;
    5. in a stream, a pixel stays if it is set in more than half of the last `vote_frames` masks of step 4. Frames
       before the first count as empty, so that an alarm needs gas that lasts.

    In a stream the thresholds can be asked of running means of the logits, which begin with the first frame: `high` and
    `frame_confidence` of one, so that what is sure for a single frame raises nothing, and `low` of the frame or one, so
    that gas which thins for a moment stays in the mask. They forget nothing when the camera moves.

    Attributes:
        low: probability above which a pixel may belong to a region.
        high: probability that a region must exceed somewhere.
        kernel: diameter of the opening's ellipse in pixels, odd; 1 is no opening.
        minimum_pixels: least area of a region, in pixels.
        minimum_share: least area of a region, as a share of the image; the larger of the two counts.
        frame_confidence: least maximum of a frame's probabilities; it adds to `high` only where it is larger.
        vote_frames: masks that vote; 1 is no vote.
        low_rate: share of the newest frame in the mean that may exceed `low` in its place; 1 is the frame alone.
        high_rate: share of the newest frame in the mean that must exceed `high`; 1 is the frame alone.
    """

    low: float = 0.3
    high: float = 0.5
    kernel: int = 9
    minimum_pixels: int = 0
    minimum_share: float = 0.0
    frame_confidence: float = 0.0
    vote_frames: int = 1
    low_rate: float = 1.0
    high_rate: float = 1.0

    def __post_init__(self) -> None:
        check_kernel(self.kernel)
        if self.kernel % 2 == 0:
            raise UserError(f"confidence gate: kernel is {self.kernel}, it must be odd: an even one shifts the masks")
        check_shares(self, "confidence gate", "low", "high", "minimum_share", "frame_confidence")
        check_hysteresis(self, "low", "high", "confidence gate")
        check_least(self, "minimum_pixels", 0, "confidence gate")
        check_least(self, "vote_frames", 1, "confidence gate", note=" (no vote)")
        for name in ("low_rate", "high_rate"):
            rate = getattr(self, name)
            if not 0 < rate <= 1:
                raise UserError(
                    f"confidence gate: {name} is {rate}, it must be above 0 and at most 1 (the frame alone)"
                )

    def mask(self, probability: Float32[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
        """Returns the 0/1 mask of one frame by itself: steps 1 to 4."""
        return self.mask_by(Evidence(probability, probability))

    def mask_by(self, evidence: Evidence) -> UInt8[np.ndarray, "h w"]:
        """Returns the 0/1 mask of one frame, before any vote, by what is known of it."""
        highest = evidence.high.max()
        if highest < self.frame_confidence or highest <= self.high:
            return np.zeros(evidence.high.shape, np.uint8)
        region = evidence.low > self.low
        mask = _regions_holding(region, region & (evidence.high > self.high))
        mask = opening(mask, self.kernel)
        return _without_small_regions(mask, float(max(self.minimum_pixels, self.minimum_share * mask.size)))

    def stream(self) -> MaskStream:
        """Starts a video of which nothing is known and no mask votes."""
        return _GateStream(self)


NamedRule = ConfidenceGate | MinMaxOpening
_RULES: dict[str, type[NamedRule]] = {"confidence_gate": ConfidenceGate, "minmax_opening": MinMaxOpening}
RULE_NAMES = tuple(_RULES)


def mask_rule(text: str) -> NamedRule:
    """Returns the rule that `text` names, one of RULE_NAMES, such as "confidence_gate" or "confidence_gate:low=0.2".

    Settings follow a colon, separated by commas; the others have their defaults. UserError for any other text.
    """
    name, _, settings = text.partition(":")
    return rule_from({"name": name, **parse_settings(settings, f"rule {text!r}", f"{name}:")})


def rule_from(description: Mapping[str, Any]) -> NamedRule:
    """Returns the rule that `describe_rule` has described; UserError for an unknown name or setting."""
    settings = dict(description)
    name = settings.pop("name", None)
    if name not in _RULES:
        guess = difflib.get_close_matches(str(name), _RULES, n=1)
        hint = f"did you mean {guess[0]!r}?" if guess else "use one of them"
        raise UserError(f"unknown rule {name!r}: the choices are {', '.join(_RULES)}; {hint}")
    return with_settings(_RULES[name](), settings, f"rule {name}")


def describe_rule(rule: NamedRule) -> dict[str, Any]:
    """Returns a named rule as JSON's types: its name and every setting."""
    (name,) = [name for name, kind in _RULES.items() if isinstance(rule, kind)]
    return {"name": name, **asdict(rule)}


def minmax_opening(
    logits: Float32[np.ndarray, "h w"], size: tuple[int, int], kernel: int = 9
) -> UInt8[np.ndarray, "h2 w2"]:
    """The published rule from the network's logits to a 0/1 mask of `size` (height, width), exact to the pixel."""
    return MinMaxOpening(kernel=kernel).mask(native_probability(logits, size))


def native_probability(logits: Float32[np.ndarray, "h w"], size: tuple[int, int]) -> Float32[np.ndarray, "h2 w2"]:
    """Returns the probabilities of `logits` resized to `size` (height, width).

    Bilinear with half-pixel centres, no antialiasing. Positions are computed in float32 like PyTorch's and values in
    float64: where probabilities hardly differ, the rounding of a float32 interpolation decides pixels.
    """
    top, bottom, down = _neighbours(logits.shape[0], size[0])
    left, right, along = _neighbours(logits.shape[1], size[1])
    values = logits.astype(np.float64)
    rows = values[top] * (1 - down[:, None]) + values[bottom] * down[:, None]
    resized = (rows[:, left] * (1 - along) + rows[:, right] * along).astype(np.float32)
    # exp(-x) of very negative logits would overflow
    small = np.exp(-np.abs(resized.astype(np.float64)))
    return (np.where(resized >= 0, 1, small) / (1 + small)).astype(np.float32)


def _neighbours(source: int, target: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns, for each of `target` pixels, the two of `source` it lies between and the weight of the second."""
    half = np.float32(0.5)
    scale = np.float32(source) / np.float32(target)
    position = np.maximum(scale * (np.arange(target, dtype=np.float32) + half) - half, 0)
    first = np.minimum(position.astype(np.intp), source - 1)
    return first, np.minimum(first + 1, source - 1), (position - first).astype(np.float64)


def _regions_holding(region: Bool[np.ndarray, "h w"], seed: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Returns the connected parts of `region` that hold a pixel of `seed`, itself a part of `region`."""
    count, labels = cv2.connectedComponents(region.astype(np.uint8))
    kept = np.zeros(count, np.uint8)
    kept[labels[seed]] = 1
    return kept[labels]


def _without_small_regions(mask: UInt8[np.ndarray, "h w"], least: float) -> UInt8[np.ndarray, "h w"]:
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask)
    kept = (statistics[:, cv2.CC_STAT_AREA] >= least) & (np.arange(count) > 0)  # label 0 is the background
    return kept.astype(np.uint8)[labels]


class _FrameByFrame:
    """The masks of a rule without memory."""

    def __init__(self, rule: MinMaxOpening) -> None:
        self._rule = rule

    def push(self, probability: Float32[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
        return self._rule.mask(probability)


class MaskVote:
    """A pixel stays if it is set in more than half of the last masks; those before the first count as empty."""

    def __init__(self, frames: int) -> None:
        """`frames` masks vote."""
        self._frames = frames
        self._masks: deque[np.ndarray] = deque()
        self._votes: np.ndarray | None = None

    def push(self, mask: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
        """Returns what remains of the next mask of a video."""
        if self._votes is None:
            self._votes = np.zeros(mask.shape, np.uint8 if self._frames < 255 else np.uint32)
        self._masks.append(mask)
        self._votes += mask
        if len(self._masks) > self._frames:
            self._votes -= self._masks.popleft()
        return (self._votes > self._frames // 2).view(np.uint8)


class _GateStream:
    """The masks of a gate, with all that it remembers."""

    def __init__(self, gate: ConfidenceGate) -> None:
        self._gate = gate
        self._evidence = EvidenceStream(gate.low_rate, gate.high_rate)
        self._vote = MaskVote(gate.vote_frames)

    def push(self, probability: Float32[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
        return self._vote.push(self._gate.mask_by(self._evidence.push(probability)))
