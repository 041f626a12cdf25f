import pickle

import numpy as np
import pytest

from jvlgs_jax.data.planes import PlaneMemory
from jvlgs_jax.inference.postprocess import ConfidenceGate
from jvlgs_jax.inference.progress import Progress, load_progress
from jvlgs_jax.inference.result_files import Lengths
from jvlgs_jax.inference.segmenter import SegmenterMemory
from jvlgs_jax.inference.watching import WatchConfig, Watcher


def _progress(frames=12):
    watcher = Watcher(WatchConfig(rule=ConfidenceGate(kernel=1, vote_frames=3)), 15.0)
    rng = np.random.default_rng(0)
    for _ in range(frames):
        watcher.push(rng.integers(0, 256, (48, 64, 1), np.uint8), rng.random((48, 64), np.float32))
    planes = PlaneMemory(frames, rng.random((48, 64, 2), np.float32))
    memory = SegmenterMemory(planes, [rng.random((2, 6, 8, 4), np.float32)], 0, 2, frames)
    return Progress("this one", watcher, frames, memory=memory, lengths=Lengths(10, 20, 3))


def test_what_was_saved_comes_back_and_goes_on_alike(tmp_path):
    saved = _progress()
    saved.save(tmp_path / "progress")
    found = load_progress(tmp_path / "progress", "this one")
    assert (found.frames, found.lengths, found.memory.answered) == (12, (10, 20, 3), 12)
    np.testing.assert_array_equal(found.memory.planes.means, saved.memory.planes.means)
    frame, probability = np.zeros((48, 64, 1), np.uint8), np.full((48, 64), 0.9, np.float32)
    one, other = (each.watcher.push(frame, probability) for each in (saved, found))
    assert one.row == other.row
    np.testing.assert_array_equal(one.mask, other.mask)


def test_another_prediction_does_not_go_on_with_it(tmp_path):
    _progress().save(tmp_path / "progress")
    assert load_progress(tmp_path / "progress", "another one") is None


class _Harm:
    def __init__(self, *call):
        self._call = call

    def __reduce__(self):
        return self._call[0], self._call[1:]


@pytest.mark.parametrize("kind", ["cut", "empty", "missing", "system", "open", "numpy"])
def test_what_is_damaged_or_harmful_is_left_alone(tmp_path, kind):
    path = tmp_path / "progress"
    _progress(1).save(path)
    if kind in ("cut", "empty"):
        path.write_bytes(path.read_bytes()[: {"cut": 500, "empty": 0}[kind]])
    elif kind == "missing":
        path.unlink()
    else:
        calls = {"system": (eval, "1/0"), "open": (open, str(tmp_path / "made"), "w"), "numpy": (np.fromfile, "x")}
        path.write_bytes(pickle.dumps(_Harm(*calls[kind])))
    assert load_progress(path, "this one") is None
    assert not (tmp_path / "made").exists()
