"""Each intermediate of the published program, in evaluation mode."""

from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx
from intermediates import after_encoder, all_of

pytestmark = pytest.mark.usefixtures("compiled_quickly")

BOUND = 1e-4  # of the tensor's standard deviation
FROZEN = np.load(Path(__file__).with_name("forward.npz"))
NAMES = [name for name in FROZEN.files if not name.endswith("/std")]
# TCV takes a softmax of unscaled dot products of size 10,000 and more, so float32's last bits decide near-ties: a
# deviation a hundred times below the bound in its input exceeds the bound in its output. These are checked in float64.
SENSITIVE = [name for name in NAMES if name.startswith(("correlation", "perception", "logits"))]


def _deviation(name: str, ours: jax.Array) -> float:
    frozen = FROZEN[name]
    ours = np.asarray(ours)[: frozen.shape[0]]
    if ours.ndim == 4:  # frozen on a coarser grid to keep the file small
        stride = ours.shape[1] // frozen.shape[1]
        ours = ours[:, ::stride, ::stride]
    return float(np.abs(ours - frozen).max() / FROZEN[f"{name}/std"])


@pytest.fixture(scope="module")
def float32_run(make_case):
    case = make_case(np.float32)
    case.model.eval()
    return nnx.jit(all_of)(case.model, case.clip, case.tokens)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name not in SENSITIVE])
def test_intermediate_equals_the_published_one(float32_run, name):
    assert _deviation(name, float32_run[name]) <= BOUND


@pytest.fixture(scope="module")
def float64_deviations(make_case, float32_noise):
    """For each sensitive tensor: how far float64 is from the frozen float32, and how far noise moves it."""
    with jax.enable_x64(True):
        case = make_case(np.float64)
        case.model.eval()
        text = nnx.jit(lambda model: model.encode_text(case.tokens))(case.model)
        features = nnx.jit(lambda model, clip: model.encode_video(clip))(case.model, case.clip)
        run = nnx.jit(after_encoder, static_argnums=3)
        exact = run(case.model, features, text, case.clip.shape[2:4])
        moved = dict.fromkeys(SENSITIVE, 0.0)
        for seed in range(4):
            noisy = [x + noise for x, noise in zip(features, float32_noise(features, seed), strict=True)]
            draw = run(case.model, noisy, text, case.clip.shape[2:4])
            for name in SENSITIVE:
                change = np.abs(np.asarray(draw[name]) - np.asarray(exact[name])).max()
                moved[name] = max(moved[name], float(change / FROZEN[f"{name}/std"]))
        return {name: (_deviation(name, exact[name]), moved[name]) for name in SENSITIVE}


@pytest.mark.slow
@pytest.mark.parametrize("name", SENSITIVE)
def test_sensitive_tensor_differs_only_by_float32_noise(float64_deviations, float32_run, name):
    deviation, noise = float64_deviations[name]
    assert deviation <= max(BOUND, 3 * noise)
    # and our float32 is no further from the published float32 than that noise either
    assert _deviation(name, float32_run[name]) <= max(BOUND, 3 * noise)
