import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.errors import UserError
from jvlgs_jax.training.losses import (
    edge_weights,
    loss_function,
    structure_loss_intended,
    structure_loss_published,
)


def numpy_losses(logits: np.ndarray, mask: np.ndarray) -> dict[str, tuple[float, float]]:
    """The two losses written out pixel by pixel in float64: (bce, iou) by name."""
    plain, weighted, iou = [], [], []
    for x, y in zip(logits.astype(np.float64)[..., 0], mask.astype(np.float64)[..., 0], strict=True):
        height, width = y.shape
        weight = np.empty_like(y)
        for i in range(height):
            for j in range(width):
                window = y[max(i - 15, 0) : i + 16, max(j - 15, 0) : j + 16]
                weight[i, j] = 1 + 5 * abs(window.sum() / 961 - y[i, j])
        probability = 1 / (1 + np.exp(-x))
        bce = -(y * np.log(probability) + (1 - y) * np.log(1 - probability))
        intersection, total = (weight * probability * y).sum(), (weight * (probability + y)).sum()
        plain.append(bce.mean())
        weighted.append((weight * bce).sum() / weight.sum())
        iou.append(1 - (intersection + 1) / (total - intersection + 1))
    return {"published": (np.mean(plain), np.mean(iou)), "intended": (np.mean(weighted), np.mean(iou))}


@pytest.mark.parametrize("name", ["published", "intended"])
@pytest.mark.parametrize("soft", [False, True])
def test_equals_the_loss_written_out_in_numpy(name: str, soft: bool):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (3, 40, 24, 1)).astype(np.float32)
    mask = rng.uniform(0, 1, logits.shape).astype(np.float32)
    if not soft:
        mask = (mask > 0.7).astype(np.float32)
    loss = jax.jit(loss_function(name))(logits, mask)
    bce, iou = numpy_losses(logits, mask)[name]
    np.testing.assert_allclose([loss.bce, loss.iou, loss.total], [bce, iou, bce + iou], rtol=1e-5)


def test_windows_of_a_clip_count_like_images():
    rng = np.random.default_rng(1)
    logits = jnp.asarray(rng.normal(size=(2, 3, 16, 16, 1)), jnp.float32)
    mask = jnp.asarray(rng.uniform(size=logits.shape) > 0.5, jnp.float32)
    loss = jax.jit(structure_loss_intended)
    flat = loss(logits.reshape(6, 16, 16, 1), mask.reshape(6, 16, 16, 1))
    np.testing.assert_allclose(loss(logits, mask).total, flat.total, rtol=1e-6)


def test_edges_weigh_more_than_the_inside():
    mask = np.zeros((1, 64, 64, 1), np.float32)
    mask[:, :, 32:] = 1
    weights = np.asarray(edge_weights(jnp.asarray(mask)))[0, 32, :, 0]
    assert weights[8] == 1  # no gas within 15 pixels
    np.testing.assert_allclose(weights[31], 1 + 5 * 15 / 31, rtol=1e-5)
    np.testing.assert_allclose(weights[63], 1 + 5 * 15 / 31, rtol=1e-5)  # what is outside the image counts as no gas


@pytest.mark.slow
@given(st.integers(0, 2**31 - 1))
def test_a_better_mask_costs_less(seed: int):
    mask = jnp.asarray(np.random.default_rng(seed).uniform(size=(1, 16, 16, 1)) > 0.5, jnp.float32)
    for loss in map(jax.jit, (structure_loss_published, structure_loss_intended)):
        costs = [float(loss(scale * (2 * mask - 1), mask).total) for scale in (-4.0, 0.0, 4.0, 20.0)]
        assert costs == sorted(costs, reverse=True)
        assert costs[-1] < 1e-3


def test_large_logits_keep_loss_and_gradient_finite():
    logits = jnp.full((1, 8, 8, 1), 1e4)
    mask = jnp.zeros_like(logits)
    value, gradient = jax.jit(jax.value_and_grad(lambda x: structure_loss_intended(x, mask).total))(logits)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_unknown_name():
    with pytest.raises(UserError, match=r"publishd.*published, intended"):
        loss_function("publishd")
