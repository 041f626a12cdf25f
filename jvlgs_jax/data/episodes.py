"""Tasks for meta-learning: each is a scene, of which a few early clips are known and later ones are asked about.

A scene is cut in two in time: support clips lie in its first part, query clips in what follows after a gap. Tasks are a
function of the data, the seed and their number alone, as batches of clips are.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import grain
import jax
import numpy as np
from jaxtyping import Bool, Int

from jvlgs_jax.data.batch_iterator import BatchIterator, Shard
from jvlgs_jax.data.batches import Batch, DataConfig, batch_shapes, clip_maker, mixed, stacked
from jvlgs_jax.data.clip_maker import ClipMaker, DrawnClip
from jvlgs_jax.data.clip_source import ClipSource, TrainingSource
from jvlgs_jax.data.sampling import ClipConfig, clip_frames
from jvlgs_jax.data.subsets import parse_subset
from jvlgs_jax.errors import UserError


class Episode(NamedTuple):
    """A task, or several stacked along a first axis: clips whose truth is known, and later ones of the same scene."""

    support: Batch
    query: Batch


@dataclass(frozen=True, kw_only=True)
class EpisodeConfig:
    """What a task is. UserError for a value out of range.

    Attributes:
        tasks: scenes a batch, over all processes of a training.
        shots: support clips of each, one of them with gas where the first part has any.
        queries: query clips of each, with gas or without as they come.
        support_share: of a scene's frames, from the first on, among which support clips lie.
        gap: frames between them and those of the query.
    """

    tasks: int = 4
    shots: int = 5
    queries: int = 5
    support_share: float = 0.5
    gap: int = 4

    def __post_init__(self) -> None:
        for name, least in (("tasks", 1), ("shots", 1), ("queries", 1), ("gap", 0)):
            if getattr(self, name) < least:
                raise UserError(f"episodes.{name} is {getattr(self, name)}, the least is {least}: use a larger one")
        if not 0 < self.support_share < 1:
            raise UserError(f"episodes.support_share is {self.support_share}, it must lie between 0 and 1: try 0.5")


class SceneClips(NamedTuple):
    """The clips of a scene that a task may take, by their first frames."""

    support: Int[np.ndarray, " s"]
    support_leaks: Bool[np.ndarray, " s"]  # which of them show gas
    query: Int[np.ndarray, " q"]


class DrawnTask(NamedTuple):
    """A task to make: its scene, its clips and the generator of its random changes."""

    source: int
    scene: int
    firsts: Int[np.ndarray, " n"]  # of the support, then of the query
    rng: np.random.Generator


def episode_batches(
    sources: Sequence[TrainingSource],
    config: DataConfig,
    episodes: EpisodeConfig,
    *,
    seed: int,
    shard: Shard | None = None,
    place: Callable[[Episode], Episode] | None = None,
) -> BatchIterator[Episode]:
    """Returns an endless iterator over batches of tasks, each scene drawn once before one is drawn again.

    As `training_batches`, it gives the same tasks with any number of processes and workers and is resumed exactly.
    Random changes are drawn once for a task and made to all of its clips: it remains one scene. The share of tasks
    without gas in the support is `config.leak_free_share`; None draws all scenes alike.

    UserError for scenes too short to make a task of, and as `training_batches` raises.
    """
    shard = shard or Shard()
    clips = _clips_of_scenes(sources, config, episodes)
    drawn = _shuffled(clips, sources, config, seed).random_map(_Draw(clips, episodes), seed=seed)
    maker = _EpisodeMaker(clip_maker(sources, config), episodes.shots)
    parts = drawn.batch(shard.rows(episodes.tasks), drop_remainder=True, batch_fn=list).map(maker)
    return BatchIterator(parts, shard, workers=config.workers, place=place)


def scene_episodes(
    source: ClipSource, config: DataConfig, episodes: EpisodeConfig, *, seed: int
) -> grain.MapDataset[Episode]:
    """Returns one task of each scene that is long enough, in their order and without random changes: to measure by.

    Each has a first axis of one task. UserError where no scene is long enough.
    """
    clips = _clips_of_scenes([source], replace(config, subset="all"), episodes)
    rows = np.array([(*key, 0) for key in clips], np.int64)
    scenes = grain.MapDataset.source(rows)  # pyrefly: ignore[bad-argument-type]  # rows
    drawn = scenes.random_map(_Draw(clips, episodes), seed=seed)
    maker = replace(clip_maker([source], config), transforms=())
    return drawn.batch(1, batch_fn=list).map(_EpisodeMaker(maker, episodes.shots))


def episode_shapes(config: DataConfig, episodes: EpisodeConfig) -> Episode:
    """Returns the shapes of a batch of tasks, over all processes, in place of its arrays."""

    def stacked_shapes(clips: int) -> Batch:
        one = batch_shapes(replace(config, batch_size=clips))
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct((episodes.tasks, *x.shape), x.dtype), one)

    return Episode(stacked_shapes(episodes.shots), stacked_shapes(episodes.queries))


def tasks_per_epoch(sources: Sequence[TrainingSource], config: DataConfig, episodes: EpisodeConfig) -> float:
    """Returns how many batches the scenes of the first source fill, each drawn once."""
    return len(_clips_of_scenes(sources[:1], config, episodes)) / episodes.tasks


def _clips_of_scenes(
    sources: Sequence[TrainingSource], config: DataConfig, episodes: EpisodeConfig
) -> dict[tuple[int, int], SceneClips]:
    """Returns the clips of each scene that is long enough, by the numbers of its source and itself."""
    if config.clips.reversal_probability > 0:
        raise UserError(
            f"clips.reversal_probability is {config.clips.reversal_probability}, but clips of tasks keep to their part "
            "of the scene: set it to 0"
        )
    found = {}
    for number, source in enumerate(sources):
        if not isinstance(source, ClipSource):
            raise UserError(
                "tasks are made of recorded scenes, not of clips that are simulated as they are drawn: prepare some "
                "with jvlgs prepare --dataset=plume_sim/PRESET"
            )
        clips, leaks = source.index(config.clips, parse_subset(config.subset), config.subset_seed)
        for scene in np.unique(clips[:, 0]).tolist():
            own = clips[:, 0] == scene
            length = source.reader.scenes[scene].length
            parts = _parts(clips[own, 1], leaks[own], length, config.clips, episodes)
            if len(parts.support) >= episodes.shots and len(parts.query) >= episodes.queries:
                found[number, scene] = parts
    if not found:
        raise UserError(
            f"no scene is long enough for {episodes.shots} support clips in the first {episodes.support_share:.0%} of "
            f"its frames and {episodes.queries} query clips {episodes.gap} frames later: use smaller episodes.shots, "
            "queries or gap"
        )
    return found


def _parts(
    firsts: Int[np.ndarray, " n"],
    leaks: Bool[np.ndarray, " n"],
    length: int,
    config: ClipConfig,
    episodes: EpisodeConfig,
) -> SceneClips:
    """Sorts the clips of a scene; those that reach over the end of their part belong to neither."""
    frames = clip_frames(config, firsts, length)
    end = int(length * episodes.support_share)
    early, late = frames.max(1) < end, frames.min(1) >= end + episodes.gap
    # At an end of the scene clips repeat its last frame: fine for a training's last windows, too poor for a task.
    whole = np.ptp(frames, axis=1) == config.step * (config.length - 1)
    return SceneClips(firsts[early & whole], leaks[early & whole], firsts[late & whole])


def _shuffled(
    clips: Mapping[tuple[int, int], SceneClips], sources: Sequence[TrainingSource], config: DataConfig, seed: int
) -> grain.MapDataset[Int[np.ndarray, "3"]]:
    """Returns the endless, mixed sequence of (source, scene, 0)."""

    def rows(leaking: bool | None) -> list[tuple[Int[np.ndarray, "_ 3"], float]]:
        chosen: list[list[tuple[int, int, int]]] = [[] for _ in sources]
        for (source, scene), parts in clips.items():
            if leaking is None or parts.support_leaks.any() == leaking:
                chosen[source].append((source, scene, 0))
        return [(np.array(of, np.int64).reshape(-1, 3), one.weight) for of, one in zip(chosen, sources, strict=True)]

    share = config.leak_free_share
    if share is None:
        return mixed(rows(None), seed)
    kinds = {"with gas": rows(True), "without gas": rows(False)}
    for name, kind in kinds.items():
        if not any(len(scenes) for scenes, _ in kind):
            raise UserError(f"leak_free_share is {share}, but no support is {name}: use None to draw all scenes alike")
    return grain.MapDataset.mix([mixed(kind, seed) for kind in kinds.values()], weights=[1 - share, share])


@dataclass(frozen=True)
class _Draw:
    """Draws the clips of a task."""

    clips: Mapping[tuple[int, int], SceneClips]
    episodes: EpisodeConfig

    def __call__(self, row: Int[np.ndarray, "3"], rng: np.random.Generator) -> DrawnTask:
        source, scene, _ = row.tolist()
        support, leaks, query = self.clips[source, scene]
        order = rng.permutation(len(support))
        if leaks.any():  # the first that shows gas comes first
            first = np.argmax(leaks[order])
            order = np.concatenate([order[first : first + 1], np.delete(order, first)])
        firsts = np.concatenate(
            [support[order[: self.episodes.shots]], rng.permutation(query)[: self.episodes.queries]]
        )
        return DrawnTask(source, scene, firsts, copy.deepcopy(rng))  # Grain goes on to use its own for other tasks


@dataclass(frozen=True)
class _EpisodeMaker:
    """Makes the drawn tasks, all of their clips at once."""

    maker: ClipMaker
    shots: int

    def __call__(self, tasks: Sequence[DrawnTask]) -> Episode:
        clips = [
            DrawnClip(task.source, task.scene, first, copy.deepcopy(task.rng))
            for task in tasks
            for first in task.firsts.tolist()
        ]
        together = stacked(self.maker(clips))
        by_task = jax.tree.map(lambda x: x.reshape(len(tasks), -1, *x.shape[1:]), together)
        support, query = (
            jax.tree.map(lambda x, rows=rows: x[:, rows], by_task)
            for rows in (slice(None, self.shots), slice(self.shots, None))
        )
        return Episode(support, query)
