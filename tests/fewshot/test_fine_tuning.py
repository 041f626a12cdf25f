from collections.abc import Sequence

import jax
import numpy as np
import pytest

from fewshot.toy import ToyForward, pretrained, site, support
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.fine_tuning import FineTuning
from jvlgs_jax.fewshot.leave_one_out import judge, probability_of
from jvlgs_jax.fewshot.network import Variables
from jvlgs_jax.fewshot.parametrization import ATTENTION, DECODER, LowRankAdapters, SomeParameters
from jvlgs_jax.fewshot.pool import Pool, make_pool
from jvlgs_jax.inference.postprocess import ConfidenceGate
from jvlgs_jax.training.variable_paths import variable_path

FORWARD, GATE = ToyForward(), ConfidenceGate(kernel=1)
DARK_GAS = site(-30.0)  # the pretrained network looks for bright gas
LEARNED, HELD_OUT = [44, 46, 60, 66, 72], [48, 49, 80, 85, 90]


def pool(frames: Sequence[int], variants: int = 1) -> Pool:
    return make_pool(support(DARK_GAS, frames).frames, FORWARD, pretrained(), ClipConfig(), variants=variants)


def adapted(method: FineTuning) -> Variables:
    clips = pool(LEARNED, method.variants)
    *_, last = method.candidates(FORWARD, pretrained(), clips, range(len(LEARNED)))
    return last


def mean_j(variables: Variables) -> float:
    clips = pool(HELD_OUT)
    scores = [judge(GATE, probability_of(FORWARD, variables, clips, k), f)[0] for k, f in enumerate(clips.frames)]
    return float(np.mean(scores))


def changed_paths(after: Variables) -> set[str]:
    before = dict(jax.tree_util.tree_leaves_with_path(pretrained().params))
    leaves = jax.tree_util.tree_leaves_with_path(after.params)
    return {variable_path(path) for path, leaf in leaves if not np.array_equal(leaf, before[path])}


@pytest.fixture(scope="module")
def decoder() -> Variables:
    return adapted(FineTuning(SomeParameters(DECODER), learning_rate=1.0, weight_decay=0.0, variants=3, kept=1.0))


def test_a_site_whose_gas_looks_otherwise_is_learned(decoder: Variables):
    assert mean_j(pretrained()) < 0.5
    assert mean_j(decoder) > 0.8


def test_what_is_frozen_stays_bit_by_bit(decoder: Variables):
    assert changed_paths(decoder) <= {"decoder/head/kernel", "decoder/head/bias", "decoder/refine/norm/bias"}
    assert "decoder/head/kernel" in changed_paths(decoder)


def test_a_part_of_the_change_is_kept():
    def head(kept: float) -> np.ndarray:
        method = FineTuning(SomeParameters((r"decoder/head/.*",)), steps=8, kept=kept)
        return np.asarray(adapted(method).params["decoder"]["head"]["kernel"])

    start = np.asarray(pretrained().params["decoder"]["head"]["kernel"])
    whole = head(1.0) - start
    assert np.abs(whole).max() > 0
    np.testing.assert_allclose(head(0.25) - start, 0.25 * whole, rtol=1e-4, atol=1e-7)


def test_low_rank_adapters_at_zero_change_nothing():
    params = pretrained().params
    adapters = LowRankAdapters(ATTENTION, rank=2)
    jax.tree.map(np.testing.assert_array_equal, adapters.apply(params, adapters.initial(params, 0)), params)


def test_low_rank_adapters_change_their_kernels_alone():
    after = adapted(FineTuning(LowRankAdapters(ATTENTION, rank=2), learning_rate=0.1, steps=8))
    assert changed_paths(after) == {"video_encoder/attention/query/kernel"}
    kernel = after.params["video_encoder"]["attention"]["query"]["kernel"]
    added = kernel - pretrained().params["video_encoder"]["attention"]["query"]["kernel"]
    assert np.linalg.matrix_rank(added, tol=1e-5) <= 2


@pytest.mark.parametrize(("settings", "message"), [({"rank": 0}, "rank is 0"), ({"scale": 0.0}, "scale is 0.0")])
def test_low_rank_adapters_that_add_nothing_are_refused(settings: dict, message: str):
    with pytest.raises(UserError, match=message):
        LowRankAdapters(ATTENTION, **settings)


def test_stacked_kernels_get_factors_of_their_own():
    params = {"attention": {"query": {"kernel": np.ones((3, 5, 7), np.float32)}}}
    adapters = LowRankAdapters((".*kernel",), rank=2)
    (factors,) = adapters.initial(params, 0).values()
    assert (factors["down"].shape, factors["up"].shape) == ((3, 5, 2), (3, 2, 7))


def test_the_same_seed_gives_the_same_network_and_an_other_one_does_not():
    def head(seed: int) -> np.ndarray:
        method = FineTuning(SomeParameters((r"decoder/head/.*",)), steps=8, seed=seed)
        return np.asarray(adapted(method).params["decoder"]["head"]["kernel"])

    np.testing.assert_array_equal(head(0), head(0))
    assert not np.array_equal(head(0), head(1))


def test_candidates_come_after_every_few_steps_beginning_with_the_start():
    method = FineTuning(SomeParameters((r"decoder/head/.*",)), steps=16, every=8)
    found = list(method.candidates(FORWARD, pretrained(), pool(LEARNED, 6), range(5)))
    assert method.amounts == (0, 8, 16)
    assert changed_paths(found[0]) == set()
    assert not np.array_equal(*(variables.params["decoder"]["head"]["kernel"] for variables in found[1:]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate is 0.0, it must be positive"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0, it must not be negative"),
        ({"seed": -1}, "seed is -1, it must lie between 0 and 4294967295"),
        ({"steps": 30}, "steps is 30, it must be a multiple of every, 8"),
        ({"batch_size": 0}, "batch_size is 0, the least is 1"),
        ({"kept": 0.0}, "kept is 0.0, it must be above 0 and at most 1: use 0.5"),
    ],
)
def test_bad_settings_are_refused(settings: dict, message: str):
    with pytest.raises(UserError, match=message):
        FineTuning(SomeParameters(DECODER), **settings)
