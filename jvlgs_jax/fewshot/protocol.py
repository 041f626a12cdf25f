"""The K-shot protocol: learn from the early part of a scene, be scored on the rest of it after a gap.

Of the frames with gas the first half is early, and of those without gas too. The support is K early frames with gas and
as many without; the query is every few frames of the later halves that are more than a gap away from the early ones,
the same for every K. Masks are made frame by frame: votes over frames play no part, neither before nor after adapting.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

import numpy as np

from jvlgs_jax.data.planes import BACKGROUND_WARM_UP, input_planes
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.conventions import alarms, jvlgs
from jvlgs_jax.evaluation.records import FrameRecord, compare
from jvlgs_jax.fewshot.adapt import adapt, gate_of, windows_of
from jvlgs_jax.fewshot.leave_one_out import probability_of
from jvlgs_jax.fewshot.methods import adaptation_method
from jvlgs_jax.fewshot.network import BehindEncoder, Forward, Variables, take_apart
from jvlgs_jax.fewshot.pool import Pool, make_pool
from jvlgs_jax.fewshot.support import Support, SupportFrame, cut_windows, spread
from jvlgs_jax.inference.postprocess import ConfidenceGate
from jvlgs_jax.interop.model_folder import ModelBundle

START = "as it is"  # the method of K = 0
CHECKED_EARLY_FRAMES = 12  # without gas, that false alarms are counted on and nothing is learned from


@dataclass(frozen=True, kw_only=True)
class ProtocolConfig:
    """What is compared.

    Attributes:
        shots: the Ks, beside 0.
        methods: see `methods.METHODS`.
        gap: frames between support and query.
        stride: from one query frame to the next.
    """

    shots: tuple[int, ...] = (1, 5, 10)
    methods: tuple[str, ...] = ("decoder", "prototype", "scratch")
    gap: int = 15
    stride: int = 5

    def __post_init__(self) -> None:
        for name, least in (("gap", 0), ("stride", 1)):
            if getattr(self, name) < least:
                raise UserError(f"{name} is {getattr(self, name)}, the least is {least}: use a larger one")
        if not self.shots or min(self.shots) < 1:
            raise UserError(f"shots are {self.shots}, the least is 1: K = 0 is always there")
        for name, values in (("shots", self.shots), ("methods", [adaptation_method(of) for of in self.methods])):
            twice = [getattr(self, name)[k] for k, value in enumerate(values) if value in values[:k]]
            if twice:
                raise UserError(f"{name} hold {twice[0]} twice: leave one out")


class Division(NamedTuple):
    """Frame numbers of a scene: what may be learned from, with gas and without, and what is scored."""

    gas: list[int]
    leak_free: list[int]
    query: list[int]


class Measurement(NamedTuple):
    """What one method does on the query frames of one scene after K shots; J and F by the `jvlgs` convention."""

    scene: str
    group: str
    method: str
    shots: int
    j: float
    f: float
    leak_frames: int
    leak_free_frames: int
    false_alarms: int
    amount: float  # see `AdaptationMethod.amounts`
    seconds: float  # of adapting, compilation included
    settings: str  # of the method, all of them
    scene_sha256: str  # of its frames and its truth


def divide_scene(scene: Scene, config: ProtocolConfig) -> Division:
    """Divides a scene in time; UserError for one without truth, and for one whose later part shows no gas."""
    if scene.truth is None:
        raise UserError(f"scene {scene.name} has no truth: leave it out")
    halves = [np.array_split(np.flatnonzero(which), 2) for which in (scene.has_leak, ~scene.has_leak)]
    (gas, later_gas), (empty, later_empty) = halves
    early = np.concatenate([gas, empty])
    warm = empty[empty >= BACKGROUND_WARM_UP]
    later = np.sort(np.concatenate([later_gas, later_empty]))
    far = [int(n) for n in later if not len(early) or np.abs(early - n).min() > config.gap]
    query = far[:: config.stride]
    if not gas.size or not scene.has_leak[query].any():
        raise UserError(
            f"scene {scene.name} shows gas in {int(scene.has_leak.sum())} frames, too few to learn from some and score "
            f"on others {config.gap} frames later: leave it out"
        )
    return Division(gas.tolist(), (warm if warm.size else empty).tolist(), query)


def check_measured(scene: Scene, config: ProtocolConfig, measured: Sequence[Measurement]) -> None:
    """UserError where earlier measurements of the scene are of other data, or of a method with other settings."""
    own = [found for found in measured if found.scene == scene.name]
    if own and {found.scene_sha256 for found in own} != {scene_sha256(scene)}:
        raise UserError(
            f"scene {scene.name} was measured with other frames or another truth: choose another output folder"
        )
    for found in own:
        if found.method in config.methods and found.settings != settings_of(found.method):
            raise UserError(
                f"scene {scene.name} was measured by {found.method} with other settings, {found.settings}: choose "
                "another output folder"
            )


def settings_of(method: str) -> str:
    """Returns all settings of a method as text; empty for the start."""
    return "" if method == START else str(adaptation_method(method))


def scene_sha256(scene: Scene) -> str:
    """Returns a hash of the frames and of the truth, in hexadecimal digits."""
    digest = hashlib.sha256()
    for part in (scene.frames, scene.truth):
        if part is not None:
            digest.update(f"{part.dtype} {part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def measure_scene(
    bundle: ModelBundle, scene: Scene, config: ProtocolConfig, measured: Sequence[Measurement]
) -> Iterator[Measurement]:
    """Yields what the model does on a scene as it is, then each method after each K, but for what is `measured` yet.

    A K for which the early part of the scene has too few frames with gas is left out.
    """
    division = divide_scene(scene, config)
    done = {(found.method, found.shots) for found in measured if found.scene == scene.name}
    wanted = [(START, 0), *((method, shots) for method in config.methods for shots in config.shots)]
    wanted = [(method, shots) for method, shots in wanted if shots <= len(division.gas)]
    missing = [one for one in wanted if one not in done]
    if missing:
        cut = _Cut(bundle, scene, division, config)
        for method, shots in missing:
            yield cut.measure(method, shots)


class _Cut:
    """A scene's frames as windows, and what the frozen part of the network makes of the query."""

    def __init__(self, bundle: ModelBundle, scene: Scene, division: Division, config: ProtocolConfig) -> None:
        assert scene.truth is not None
        self._bundle, self._scene, self._division = bundle, scene, division
        numbers = set(division.query)
        for shots in config.shots:
            numbers |= {*spread(division.gas, shots), *self._empty(shots)[0], *self._empty(shots)[1]}
        windows = cut_windows(
            scene.name,
            scene.frames,
            {n: scene.truth[n] for n in numbers},
            input_planes(bundle.planes),
            windows_of(bundle),
        )
        self._frames = {frame.number: frame for frame in windows}
        self._sha256 = scene_sha256(scene)
        self._pools: dict[Forward, Pool] = {}

    def _empty(self, shots: int) -> tuple[list[int], list[int]]:
        """Early frames without gas: to learn from, and to count false alarms on."""
        learned = spread(self._division.leak_free, shots)
        return learned, spread(set(self._division.leak_free) - set(learned), CHECKED_EARLY_FRAMES)

    def measure(self, name: str, shots: int) -> Measurement:
        """Adapts to `shots` frames by the method called `name` and scores the query; 0 shots: the model as it is."""
        network, variables = take_apart(self._bundle)
        if shots == 0:
            forward: Forward = BehindEncoder(network)
            return self._scored(name, 0, forward, variables, variables, gate_of(self._bundle), amount=0.0, seconds=0.0)
        method = adaptation_method(name)
        learned, checked = self._empty(shots)
        support = Support(
            frames=tuple(self._frames[n] for n in (*spread(self._division.gas, shots), *learned)),
            leak_free=tuple(self._frames[n] for n in checked),
        )
        began = perf_counter()
        adapted = adapt(self._bundle, support, method, name)
        seconds = perf_counter() - began
        return self._scored(
            name,
            shots,
            method.forward(network, variables),
            variables,
            take_apart(adapted.bundle)[1],
            gate_of(adapted.bundle),
            amount=adapted.record["amount"],
            seconds=seconds,
        )

    def _scored(
        self,
        method: str,
        shots: int,
        forward: Forward,
        start: Variables,
        adapted: Variables,
        gate: ConfidenceGate,
        *,
        amount: float,
        seconds: float,
    ) -> Measurement:
        query = [self._frames[n] for n in self._division.query]
        if forward not in self._pools:
            self._pools[forward] = make_pool(query, forward, start, windows_of(self._bundle), variants=1)
        pool = self._pools[forward]
        records = [_record(gate, forward, adapted, pool, k) for k in range(len(query))]
        region, alarm = jvlgs(records), alarms(records)
        (rates,) = alarm.parts.values()
        return Measurement(
            scene=self._scene.name,
            group=self._scene.group,
            method=method,
            shots=shots,
            j=region.j,
            f=region.f,
            leak_frames=rates.leak_frames,
            leak_free_frames=rates.leak_free_frames,
            false_alarms=rates.false_alarms,
            amount=amount,
            seconds=seconds,
            settings=settings_of(method),
            scene_sha256=self._sha256,
        )


def _record(gate: ConfidenceGate, forward: Forward, variables: Variables, pool: Pool, number: int) -> FrameRecord:
    frame: SupportFrame = pool.frames[number]
    probability = probability_of(forward, variables, pool, number)
    return compare(frame.scene, frame.number, gate.mask(probability), frame.mask, probability)


def measure(
    bundle: ModelBundle, scenes: Sequence[Scene], config: ProtocolConfig, measured: Sequence[Measurement]
) -> Iterator[Measurement]:
    """Yields the measurements of all scenes; see `measure_scene`.

    UserError, before the first, as `divide_scene` and `check_measured` raise.
    """
    for scene in scenes:
        divide_scene(scene, config)
        check_measured(scene, config, measured)
    for scene in scenes:
        yield from measure_scene(bundle, scene, config, measured)
