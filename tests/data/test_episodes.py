from dataclasses import replace

import jax
import numpy as np
import pytest
from unchanged import UNCHANGED

from jvlgs_jax.data.augmentation.config import AugmentationConfig
from jvlgs_jax.data.batch_iterator import Shard
from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.data.clip_source import ClipSource
from jvlgs_jax.data.clips import MemoryReader
from jvlgs_jax.data.episodes import (
    Episode,
    EpisodeConfig,
    episode_batches,
    episode_shapes,
    scene_episodes,
    tasks_per_epoch,
)
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.sampling import ClipConfig, Direction
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.errors import UserError

SIZE, LENGTH = (32, 32), 20
DATA = DataConfig(planes="grey", input_size=SIZE, clips=ClipConfig(length=3), augmentation=UNCHANGED)
EPISODES = EpisodeConfig(tasks=2, shots=2, queries=3, gap=2)


def scene(number: int, leak: range) -> Scene:
    """Every pixel of frame f of scene s is 40 s + f, so that clips tell where they come from."""
    levels = (40 * number + np.arange(LENGTH)).astype(np.uint8)
    frames = np.broadcast_to(levels[:, None, None, None], (LENGTH, *SIZE, 1)).copy()
    truth = np.zeros((LENGTH, *SIZE), np.uint8)
    truth[leak.start : leak.stop, 8:24, 8:24] = 1
    return Scene(name=f"s{number}", group=f"s{number}", frames=frames, truth=truth, frames_per_second=15.0)


SCENES = [scene(0, range(0, LENGTH)), scene(1, range(6, 14)), scene(2, range(0)), scene(3, range(8, LENGTH))]


def source(*scenes: Scene, weight: float = 1.0) -> ClipSource:
    return ClipSource(reader=MemoryReader(scenes or SCENES, input_planes("grey")), weight=weight)


def origin(clips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scene of each clip, and the frame number of each of its frames."""
    levels = np.asarray(clips)[..., 0, 0, 0].round().astype(int)
    return levels[..., 0] // 40, levels % 40


def drawn(count: int, config: DataConfig = DATA, episodes: EpisodeConfig = EPISODES, **settings) -> list[Episode]:
    with_defaults = {"seed": 0, **settings}
    batches = episode_batches([source()], config, episodes, **with_defaults)
    try:
        return [next(batches) for _ in range(count)]
    finally:
        batches.close()


def test_a_task_is_one_scene_whose_query_follows_its_support_after_a_gap():
    for support, query in drawn(6):
        of_support, known = origin(support.planes)
        of_query, asked = origin(query.planes)
        assert known.shape == (2, 2, 3)
        assert asked.shape == (2, 3, 3)
        for task in range(2):
            assert len({*of_support[task], *of_query[task]}) == 1
            assert known[task].max() < LENGTH // 2
            assert asked[task].min() >= LENGTH // 2 + EPISODES.gap
            assert len(np.unique(known[task][:, 0])) == 2, "the same clip twice"


def test_the_first_support_clip_shows_gas_where_there_is_any_so_early():
    seen = {}
    for support, _ in drawn(8):
        scenes, _ = origin(support.planes)
        for task in range(2):
            seen.setdefault(scenes[task, 0], []).append(support.mask[task, 0].any())
    assert {number: set(found) for number, found in seen.items()} == {0: {True}, 1: {True}, 2: {False}, 3: {False}}


def test_queries_hold_leak_free_frames_too():
    masks = [query.mask[task, clip].any() for _, query in drawn(8) for task in range(2) for clip in range(3)]
    assert set(masks) == {True, False}


def test_each_scene_is_drawn_once_before_one_is_drawn_again():
    tasks = drawn(8)
    for start in range(0, 8, 2):
        pair = tasks[start : start + 2]
        assert sorted(np.concatenate([origin(support.planes)[0][:, 0] for support, _ in pair])) == [0, 1, 2, 3]
    assert tasks_per_epoch([source()], DATA, EPISODES) == 2


def test_clips_that_look_back_keep_to_their_part():
    config = replace(DATA, clips=ClipConfig(length=3, step=2, direction=Direction.PAST_ONLY))
    for support, query in drawn(4, config):
        assert origin(support.planes)[1].max() < LENGTH // 2
        assert origin(query.planes)[1].min() >= LENGTH // 2 + EPISODES.gap


def same(first: list[Episode], second: list[Episode]) -> None:
    jax.tree.map(np.testing.assert_array_equal, first, second)


def test_tasks_depend_on_the_seed_and_their_number_alone():
    augmented = replace(DATA, augmentation=AugmentationConfig())
    tasks = drawn(5, augmented)
    same(tasks, drawn(5, augmented))
    halves = [drawn(5, augmented, shard=Shard(index=index, count=2)) for index in range(2)]
    same(tasks, [jax.tree.map(lambda *x: np.concatenate(x), *pair) for pair in zip(*halves, strict=True)])
    with pytest.raises(AssertionError):
        same(tasks, drawn(5, augmented, seed=1))


def test_an_iterator_goes_on_where_another_stopped():
    tasks = drawn(5)
    batches = episode_batches([source()], DATA, EPISODES, seed=0)
    batches.set_state({"batches": 3})
    same(tasks[3:], [next(batches) for _ in range(2)])
    batches.close()


def test_all_clips_of_a_task_are_changed_alike_and_tasks_are_not():
    config = replace(DATA, augmentation=replace(UNCHANGED, brightness=(0.5, 1.5)))
    factors = []
    for support, query in drawn(3, config):
        for task in range(2):
            planes = np.concatenate([support.planes[task], query.planes[task]])[..., 0, 0, 0]
            steps = np.diff(planes, axis=1)  # frames are one grey level apart before the change
            factors.append(steps.mean())
            np.testing.assert_allclose(steps, factors[-1], atol=0.6)
    assert np.std(factors) > 0.1


def test_scenes_without_gas_in_the_support_have_their_share():
    tasks = drawn(40, replace(DATA, leak_free_share=0.25))
    scenes = np.concatenate([origin(support.planes)[0][:, 0] for support, _ in tasks])
    assert np.isin(scenes, [2, 3]).mean() == pytest.approx(0.25, abs=0.03)


def test_sources_are_mixed_by_weight():
    sources = [source(SCENES[0]), source(SCENES[1], weight=3.0)]
    batches = episode_batches(sources, DATA, EPISODES, seed=0)
    scenes = np.concatenate([origin(next(batches).support.planes)[0][:, 0] for _ in range(20)])
    batches.close()
    assert (scenes == 1).mean() == pytest.approx(0.75, abs=0.05)


def test_measuring_takes_every_scene_once_without_changes():
    episodes = scene_episodes(source(), replace(DATA, augmentation=AugmentationConfig()), EPISODES, seed=5)
    assert len(episodes) == 4
    for number, episode in enumerate(episodes):
        scenes, frames = origin(episode.support.planes)
        assert (scenes == number).all()
        assert (frames == np.round(frames)).all()
    same([episodes[1]], [scene_episodes(source(), DATA, EPISODES, seed=5)[1]])


def test_shapes_are_known_before_any_clip_is_made():
    shapes = episode_shapes(DATA, EPISODES)
    assert jax.tree.map(np.shape, drawn(1)[0]) == jax.tree.map(lambda x: x.shape, shapes)


def test_too_short_scenes_and_reversed_clips_are_refused():
    with pytest.raises(UserError, match="no scene is long enough for 9 support clips in the first 50% of its frames"):
        drawn(1, episodes=replace(EPISODES, shots=9))
    with pytest.raises(UserError, match=r"clips.reversal_probability is 0.5, but clips of tasks keep to their part"):
        drawn(1, replace(DATA, clips=ClipConfig(reversal_probability=0.5)))
    with pytest.raises(UserError, match=r"episodes.gap is -1, the least is 0"):
        EpisodeConfig(gap=-1)
