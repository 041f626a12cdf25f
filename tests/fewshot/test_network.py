"""Adaptation sees frames at the sizes that `predict` sees them at."""

import dataclasses

import jax
import numpy as np
import pytest
from linear_resize import linear_resize

from fewshot.toy import random_bundle
from jvlgs_jax.fewshot.network import BehindEncoder, WholeNetwork, compute_inputs, compute_logits, take_apart
from jvlgs_jax.fewshot.prototypes import compute_features
from jvlgs_jax.fewshot.scratch import _statistics
from jvlgs_jax.models.multi_scale import InputSizes

pytestmark = pytest.mark.usefixtures("compiled_quickly")
MAIN, COARSE = (64, 96), (32, 64)
PLANES = np.random.default_rng(0).uniform(0, 255, (2, 3, *MAIN, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def bundle():
    return dataclasses.replace(random_bundle(MAIN), coarse_size=COARSE)


@pytest.fixture(scope="module")
def given(bundle):
    """The network with two looks, its numbers, and features of both."""
    network, variables = take_apart(bundle)
    return network, variables, compute_inputs(BehindEncoder(network), variables, PLANES)


def one_look(network, size):
    return dataclasses.replace(network, sizes=InputSizes(size))


@pytest.mark.slow
def test_both_forms_of_the_network_say_the_larger_of_both_looks(given):
    network, variables, features = given
    own, coarse = (
        np.asarray(compute_logits(BehindEncoder(one_look(network, size)), variables, seen))
        for size, seen in ((MAIN, features[:3]), (COARSE, features[3:]))
    )
    coarse = linear_resize(coarse, MAIN)
    assert 0.05 < (coarse > own).mean() < 0.95
    expected, whole = np.maximum(own, coarse), WholeNetwork(network)
    close = {"atol": 1e-3 * own.std(), "rtol": 0}
    np.testing.assert_allclose(compute_logits(BehindEncoder(network), variables, features), expected, **close)
    inputs = compute_inputs(whole, variables, PLANES)
    np.testing.assert_allclose(compute_logits(whole, variables, inputs), expected, **close)


@pytest.mark.slow
def test_prototypes_and_new_statistics_come_from_the_main_look(given):
    network, variables, features = given
    alone = one_look(network, MAIN)
    np.testing.assert_allclose(
        compute_features(BehindEncoder(network), variables, features),
        compute_features(BehindEncoder(alone), variables, features[:3]),
        atol=1e-5,
    )
    with_coarse, without = (
        jax.tree.leaves(_statistics(of, variables, compute_inputs(WholeNetwork(of), variables, PLANES)))
        for of in (network, alone)
    )
    for found, expected in zip(with_coarse, without, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
