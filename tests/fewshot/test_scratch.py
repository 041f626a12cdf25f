"""On the tiny whole network, up to the first candidate: the steps after it are those of fine-tuning."""

import jax
import numpy as np
import pytest

from fewshot.toy import random_bundle, site, support
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.fewshot.network import Variables, WholeNetwork, take_apart
from jvlgs_jax.fewshot.pool import Pool, make_pool
from jvlgs_jax.fewshot.scratch import FromScratch, _statistics
from jvlgs_jax.training.variable_paths import variable_path

pytestmark = pytest.mark.usefixtures("compiled_quickly")

SIZE = (32, 64)
FRAMES = [20, 60, 66, 72]


@pytest.fixture(scope="module")
def given() -> tuple[WholeNetwork, Variables, Pool]:
    network, variables = take_apart(random_bundle(SIZE))
    forward = WholeNetwork(network)
    return (
        forward,
        variables,
        make_pool(support(site(30.0, size=SIZE), FRAMES).frames, forward, variables, ClipConfig(), variants=1),
    )


@pytest.fixture(scope="module")
def first(given: tuple[WholeNetwork, Variables, Pool]) -> Variables:
    forward, variables, pool = given
    return next(FromScratch().candidates(forward, variables, pool, range(len(FRAMES))))


def paths(tree: object) -> dict[str, np.ndarray]:
    return {variable_path(path): np.asarray(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


@pytest.mark.slow
def test_nothing_of_what_was_learned_is_left_but_the_text_encoder(given, first: Variables):
    before, after = paths(given[1].params), paths(first.params)
    assert before.keys() == after.keys()
    same = {path for path, value in after.items() if np.array_equal(value, before[path])}
    assert {path for path in before if path.startswith("text_encoder/")} <= same
    kernels = {path for path in before if path.endswith("kernel") and not path.startswith("text_encoder/")}
    assert kernels
    assert not kernels & same


@pytest.mark.slow
def test_its_statistics_are_those_of_the_support(given, first: Variables):
    """Another pass of the same frames changes them by little."""
    forward, _, pool = given
    inputs = [np.concatenate(look) for look in zip(*map(pool.recorded, range(len(FRAMES))), strict=True)]
    now, again = paths(first.rest), paths(_statistics(forward.network, first, inputs))
    assert now
    for path, value in now.items():
        np.testing.assert_allclose(again[path], value, rtol=0.05, atol=0.02, err_msg=path)
