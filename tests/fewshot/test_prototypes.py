import jax.numpy as jnp
import numpy as np
import pytest

from fewshot.toy import pretrained
from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.prototypes import Prototypes, calibrated, nearest_prototype, shares, with_head


def separable() -> tuple[np.ndarray, np.ndarray]:
    """Two frames whose features lie about one point where there is gas, and about another where there is none."""
    rng = np.random.default_rng(0)
    gas = np.zeros((2, 8, 8, 1), np.float32)
    gas[0, 2:5, 3:6], gas[1, 5:, :2] = 1, 1
    inside, outside = np.array([1.0, -2.0, 0.5]), np.array([-1.0, 0.0, 0.5])
    features = np.where(gas > 0, inside, outside)[:, None] + rng.normal(0, 0.2, (2, 2, 8, 8, 3))
    return features.astype(np.float32), gas


def test_separable_features_give_the_right_masks():
    features, gas = separable()
    kernel, bias = nearest_prototype(jnp.asarray(features), jnp.asarray(gas))
    logits = features @ np.asarray(kernel[0, 0]) + np.asarray(bias)
    np.testing.assert_array_equal(logits > 0, np.broadcast_to(gas[:, None] > 0, logits.shape))


def test_the_logit_is_the_difference_of_squared_distances():
    features, gas = separable()
    kernel, bias = nearest_prototype(jnp.asarray(features), jnp.asarray(gas))
    weights = np.broadcast_to(gas[:, None], (*features.shape[:-1], 1)) > 0
    inside, outside = features[weights[..., 0]].mean(0), features[~weights[..., 0]].mean(0)
    point = np.array([0.3, 0.7, -0.2], np.float32)
    expected = np.square(point - outside).sum() - np.square(point - inside).sum()
    np.testing.assert_allclose(point @ np.asarray(kernel[0, 0]) + np.asarray(bias), [expected], rtol=1e-4)


def test_masks_finer_than_the_features_become_shares():
    features, gas = separable()
    np.testing.assert_allclose(shares(np.kron(gas, np.ones((1, 4, 4, 1), np.float32)), (8, 8)), gas)
    half = np.kron(gas, np.ones((1, 1, 2, 1), np.float32))
    half[:, :, 1::2] = 0
    np.testing.assert_allclose(shares(half, (8, 8)), gas / 2)
    heads = [nearest_prototype(jnp.asarray(features), jnp.asarray(masks)) for masks in (gas, gas / 2)]
    assert heads[1][0][0, 0, 0, 0] < heads[0][0][0, 0, 0, 0]


def test_calibration_makes_confident_probabilities_of_far_distances():
    features, gas = (jnp.asarray(x) for x in separable())
    head = nearest_prototype(features, gas)
    kernel, bias = calibrated((head[0] * 1e-3, head[1] * 1e-3), features, gas, jnp.array([0.5, 0.5, 0.0]), 300)
    logits = np.asarray(features @ kernel[0, 0] + bias).mean(1)
    inside = np.asarray(gas) > 0
    assert logits[inside].min() > 2
    assert logits[~inside].max() < -2


@pytest.mark.parametrize("gas", [0.0, 1.0])
def test_a_picture_without_gas_or_without_background_has_no_prototypes(gas: float):
    with pytest.raises(UserError, match="prototypes need frames with gas on a part of the picture"):
        nearest_prototype(jnp.ones((1, 2, 4, 4, 3)), jnp.full((1, 4, 4, 1), gas))


def test_a_share_of_the_head_is_taken():
    params = pretrained().params
    params["decoder"]["head"]["kernel"] = params["decoder"]["head"]["kernel"].reshape(1, 1, 4, 1)
    head = (jnp.ones((1, 1, 4, 1)), jnp.ones(1))
    mixed = with_head(params, head, 0.25)
    np.testing.assert_allclose(mixed["decoder"]["head"]["kernel"][0, 0, :2, 0], [9.25, -8.75])
    assert mixed["video_encoder"] is not None
    np.testing.assert_array_equal(with_head(params, head, 0.0)["decoder"]["head"]["bias"], [-4.0])
    assert Prototypes(shares=2).amounts == (0.0, 0.5, 1.0)
