import jax
import numpy as np
import pytest

from jvlgs_jax.data.layouts import load_scenes
from jvlgs_jax.sample import CLIP
from jvlgs_jax.sample.make_clip import clip_config, write_clip


@pytest.mark.slow
def test_a_written_clip_is_read_with_its_exact_truth(small_clips, tmp_path):
    number = int(np.argmax([np.asarray(mask == 1).sum() for mask in small_clips.mask]))
    clip = jax.tree.map(lambda leaf: leaf[number], small_clips)
    write_clip(clip, tmp_path)
    (scene,) = load_scenes(tmp_path)
    assert scene.name == "leak"
    assert scene.frames_per_second == 15
    np.testing.assert_array_equal(scene.truth, np.asarray(clip.mask) == 1)
    assert np.abs(scene.frames[..., 0].astype(int) - np.asarray(clip.frames)).mean() < 3


def test_the_clip_that_comes_with_the_package_is_small_and_begins_without_a_leak():
    assert sum(path.stat().st_size for path in CLIP.rglob("*") if path.is_file()) < 1_500_000
    (scene,) = load_scenes(CLIP)
    assert (len(scene), scene.frames.shape[1:3]) == (clip_config().frame_count, clip_config().size)
    leak = scene.has_leak
    assert 15 <= leak.argmax() <= 100
    assert leak[-1]
