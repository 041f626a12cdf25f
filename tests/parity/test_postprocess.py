"""The published program's masks and scores, frozen in postprocess.npz.

Ten frames of logits (two almost flat, one constant), truths, the masks for three kernels and their scores. The logits
are stored as four planes of bytes, which compress better than floats.
"""

from pathlib import Path

import numpy as np
import pytest

from jvlgs_jax.evaluation.conventions import jvlgs
from jvlgs_jax.evaluation.records import compare
from jvlgs_jax.inference.morphology import ellipse
from jvlgs_jax.inference.postprocess import minmax_opening

FIXTURE = np.load(Path(__file__).with_name("postprocess.npz"))
KERNELS = [int(kernel) for kernel in FIXTURE["kernels"]]
SIZES = [(int(height), int(width)) for height, width in FIXTURE["sizes"]]
CASES = range(len(SIZES))
LOGITS = np.ascontiguousarray(np.moveaxis(FIXTURE["logits_bytes"], 0, -1)).view(np.float32)[..., 0]


def stored_mask(name, size):
    return np.unpackbits(FIXTURE[name], count=size[0] * size[1]).reshape(size)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("case", CASES)
def test_mask_is_pixel_exact(case, kernel):
    mask = minmax_opening(LOGITS[case], SIZES[case], kernel)
    np.testing.assert_array_equal(mask, stored_mask(f"mask_{case}_k{kernel}", SIZES[case]))


@pytest.mark.parametrize("column", range(len(KERNELS)), ids=[f"kernel{kernel}" for kernel in KERNELS])
@pytest.mark.parametrize("case", CASES)
def test_frame_scores(case, column):
    mask = minmax_opening(LOGITS[case], SIZES[case], KERNELS[column])
    score = jvlgs([compare("scene", case, mask, stored_mask(f"truth_{case}", SIZES[case]))])
    assert score.j == pytest.approx(FIXTURE["iou"][case, column], abs=1e-6, nan_ok=True)
    assert score.f == pytest.approx(FIXTURE["f1"][case, column], abs=1e-6, nan_ok=True)


def test_mean_scores():
    records = [
        compare("scene", case, minmax_opening(LOGITS[case], size), stored_mask(f"truth_{case}", size))
        for case, size in enumerate(SIZES)
    ]
    score = jvlgs(records)
    np.testing.assert_allclose([score.j, score.f], FIXTURE["kernel9_mean"], rtol=0, atol=1e-6)
    assert (score.frames, score.dropped_frames) == (9, 1)


@pytest.mark.parametrize("size", [3, 5, 7, 9, 10, 11, 15])
def test_ellipse(size):
    np.testing.assert_array_equal(ellipse(size), FIXTURE[f"ellipse_{size}"])
