import numpy as np
import pytest

from jvlgs_jax.data.layouts import load_scenes
from jvlgs_jax.data.layouts.simgas import DEFAULT_THRESHOLD
from jvlgs_jax.data.toy_plumes import ToyClip, main, render

SMALL = ToyClip(frame_count=24, size=(96, 128), leaks=((6, 16),))


@pytest.fixture(scope="module")
def rendered():
    return render(SMALL, seed=3)


def test_gas_appears_when_the_leak_starts_and_not_before(rendered):
    gas = (rendered.opacity > DEFAULT_THRESHOLD).any((1, 2))
    assert np.flatnonzero(gas)[0] == 6
    assert gas[6:16].all()


def test_gas_starts_small_and_spreads_as_it_drifts(rendered):
    area = (rendered.opacity > DEFAULT_THRESHOLD).sum((1, 2))
    assert 0 < area[6] < area[10] < area[15]


def test_the_truth_is_soft(rendered):
    between = (rendered.opacity[15] > 0) & (rendered.opacity[15] < 250)
    assert between.sum() > (rendered.opacity[15] >= 250).sum()
    assert len(np.unique(rendered.opacity[15])) > 50


def test_gas_brightens_what_the_truth_marks(rendered):
    dense = rendered.opacity[15] > 128
    change = rendered.frames[15].astype(float) - rendered.frames[5]
    assert np.median(change[dense]) > 10
    assert abs(np.median(change[rendered.opacity[15] == 0])) < 3


def test_something_moves_in_a_clip_without_a_leak():
    frames, opacity = render(ToyClip(frame_count=12, size=(96, 128), leaks=()), seed=1)
    assert not opacity.any()
    assert np.abs(frames[6].astype(int) - frames[0]).max() > 40


def test_a_second_leak_follows_the_first():
    clip = ToyClip(frame_count=40, size=(96, 128), leaks=((2, 4), (30, 34)))
    _, opacity = render(clip, seed=5)
    mass = opacity.astype(float).sum((1, 2))
    assert mass[29] < mass[4]
    assert mass[34] > mass[29]


def test_one_seed_gives_one_clip(rendered):
    again, other = render(SMALL, seed=3), render(SMALL, seed=4)
    np.testing.assert_array_equal(again.frames, rendered.frames)
    np.testing.assert_array_equal(again.opacity, rendered.opacity)
    assert (other.frames != rendered.frames).any()


@pytest.mark.slow
def test_one_seed_gives_the_same_files(tmp_path):
    # x264's adaptive rate control wrote different pixels from run to run, and training scores moved with them.
    for folder in ("once", "again"):
        main([str(tmp_path / folder), "--clips", "2"])
    once, again = ({path.name: path.read_bytes() for path in (tmp_path / f).iterdir()} for f in ("once", "again"))
    assert len(once) == 4
    assert once == again


@pytest.mark.slow
def test_the_written_clips_are_simgas_scenes(tmp_path):
    main([str(tmp_path / "clips"), "--clips", "3"])
    scenes = load_scenes(tmp_path / "clips")
    assert [scene.name for scene in scenes] == ["plume1", "plume2", "plume3"]
    assert len({scene.group for scene in scenes}) == 3
    for scene, has_leak in zip(scenes, (True, True, False), strict=True):
        assert scene.frames.shape == (90, 240, 320, 1)
        assert scene.frames_per_second == 15
        assert not scene.truth[:25].any()  # not even as codec noise
        assert scene.truth.any() == has_leak
    assert not list((tmp_path / "clips").glob(".partial*"))


@pytest.mark.slow
def test_video_coding_keeps_the_truth(tmp_path):
    main([str(tmp_path), "--clips", "1", "--seed", "8"])
    (scene,) = load_scenes(tmp_path)
    drawn = render(ToyClip(), seed=9).opacity > DEFAULT_THRESHOLD
    kept = scene.truth.astype(bool)
    assert (drawn & kept).sum() / (drawn | kept).sum() > 0.97
