import operator
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.prompts import DEFAULT_PROMPTS, tokenize
from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.parameters import flatten
from jvlgs_jax.training.losses import structure_loss_published
from jvlgs_jax.training.mesh import MeshConfig, make_mesh, shardings
from jvlgs_jax.training.optimizer import OptimizerConfig, make_optimizer
from jvlgs_jax.training.state import TrainState, create_state, trained_model
from jvlgs_jax.training.step import StepParts, TrainStep, make_train_step
from jvlgs_jax.training.text_features import CachedPrompts, TrainedPrompts, text_features
from training.toy import FROZEN, ToyNetwork, toy_batch, toy_network

TOKENS = tokenize(DEFAULT_PROMPTS)


def prepare(
    model: ToyNetwork, frozen: Sequence[str] = (), precision: str = "float32", **changes: object
) -> tuple[TrainStep, TrainState]:
    config = OptimizerConfig(**{"learning_rate": 1e-2, "frozen": tuple(frozen), **changes})
    optimizer = make_optimizer(config, 100)
    graphdef, state = create_state(model, frozen, optimizer, ema=config.ema_decay is not None)
    places = shardings(state, make_mesh(MeshConfig(data=1)))
    state = jax.device_put(state, places)
    parts = StepParts(
        graphdef=graphdef,
        shardings=places,
        config=config,
        optimizer=optimizer,
        loss=structure_loss_published,
        planes=input_planes("temporal"),
        text=text_features(model, TOKENS, frozen),
        precision=precision,
    )
    return make_train_step(parts), state


def arrays(state: nnx.State | None) -> dict[str, np.ndarray]:
    return {path: np.array(value) for path, value in flatten(state).items()}


@pytest.mark.slow
def test_five_steps_compile_once_and_learn():
    step, state = prepare(toy_network())
    losses = []
    for _ in range(5):
        state, metrics = step(state, toy_batch())
        losses.append(float(metrics["loss"]))
    assert step._cache_size() == 1
    assert int(state.step) == 5
    assert losses[-1] < losses[0]


def test_whole_batches_go_through_no_loop():
    """XLA's CPU backend computes gradients of convolutions inside loops 8 times slower."""
    step, state = prepare(toy_network())
    assert "while" not in step.lower(state, toy_batch()).as_text()
    step, state = prepare(toy_network(), micro_batches=2)
    assert "while" in step.lower(state, toy_batch()).as_text()


@pytest.mark.slow
def test_metrics_are_of_the_model_before_the_step():
    model = toy_network()
    batch = toy_batch()
    step, state = prepare(model)
    _, metrics = step(state, batch)
    output = model(input_planes("temporal").normalize(jnp.asarray(batch.planes)), model.encode_text(TOKENS))
    expected = structure_loss_published(output.logits, jnp.asarray(batch.mask))
    for name, value in (("loss", expected.total), ("bce", expected.bce), ("iou", expected.iou)):
        np.testing.assert_allclose(metrics[name], value, rtol=1e-5)
    assert metrics["gradient_norm"] > 0


@pytest.mark.slow
def test_bfloat16_trains_float32_parameters_to_nearly_the_same():
    """Also those of which a step changes less than bfloat16 can tell apart."""
    losses = {}
    for precision in ("float32", "bfloat16"):
        step, state = prepare(toy_network(), FROZEN, precision, learning_rate=1e-4)
        before, losses[precision] = arrays(state.params), []
        for _ in range(3):
            state, metrics = step(state, toy_batch())
            losses[precision].append(float(metrics["loss"]))
        after = arrays(state.params)
        assert all(value.dtype == np.float32 for value in after.values())
        assert (after["head/kernel"] != before["head/kernel"]).all()
    assert losses["bfloat16"] != losses["float32"]
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=5e-3)


def test_the_state_is_donated():
    step, state = prepare(toy_network())
    step(state, toy_batch())
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.params))


def test_running_statistics_move():
    step, state = prepare(toy_network())
    state, _ = step(state, toy_batch())
    stats = arrays(state.stats)
    assert stats["norm/count"] == 2  # windows of the clip
    assert np.abs(stats["norm/mean"]).max() > 0


@pytest.fixture(scope="module")
def frozen_norm() -> tuple[nnx.GraphDef, TrainState, TrainState, float]:
    """Of a training with frozen running statistics: structure, state before and after 3 steps, loss of the 4th."""
    model = toy_network()
    step, state = prepare(model, ("text_encoder/.*", "norm/.*"))
    first = jax.tree.map(jnp.copy, state)
    for _ in range(3):
        state, _ = step(state, toy_batch())
    last = jax.tree.map(jnp.copy, state)
    return nnx.graphdef(model), first, last, float(step(state, toy_batch())[1]["loss"])


def test_frozen_parts_do_not_move_and_the_others_do(frozen_norm):
    _, first, last, _ = frozen_norm
    frozen, params = arrays(first.frozen), arrays(first.params)
    assert "norm/mean" in frozen
    for path, value in arrays(last.frozen).items():
        np.testing.assert_array_equal(value, frozen[path])
    for path, value in arrays(last.params).items():
        assert (value != params[path]).any(), path


def test_frozen_running_statistics_are_trained_with_as_they_are_evaluated_with(frozen_norm):
    graphdef, _, last, loss = frozen_norm
    model, batch = trained_model(graphdef, last), toy_batch()
    planes = input_planes("temporal").normalize(jnp.asarray(batch.planes))
    logits = nnx.jit(lambda model: model(planes, model.encode_text(TOKENS)).logits)(model)
    evaluated = structure_loss_published(logits, jnp.asarray(batch.mask)).total
    np.testing.assert_allclose(loss, evaluated, rtol=1e-5)


def test_cached_and_trained_prompts_give_the_same_loss():
    losses = {}
    for frozen in ((), FROZEN):
        step, state = prepare(toy_network(), frozen)
        losses[frozen] = float(step(state, toy_batch())[1]["loss"])
    assert losses[()] == pytest.approx(losses[FROZEN], rel=1e-6)


def test_prompts_are_cached_only_if_all_of_the_text_encoder_is_frozen():
    model = toy_network()
    assert isinstance(text_features(model, TOKENS, FROZEN), CachedPrompts)
    assert isinstance(text_features(model, TOKENS, ["head/.*"]), TrainedPrompts)


def test_trained_prompts_train_the_text_encoder():
    step, state = prepare(toy_network())
    before = arrays(state.params)["text_encoder/embedding"]
    state, _ = step(state, toy_batch())
    moved = (arrays(state.params)["text_encoder/embedding"] != before).any(1)
    assert set(np.flatnonzero(moved)) == set(TOKENS.ids.ravel())


@pytest.mark.slow
def test_micro_batches_make_the_step_of_the_mean_gradient():
    clip = toy_batch()
    twice = jax.tree.map(lambda rows: np.concatenate([rows[:1]] * 2), clip)  # equal clips, so equal batch statistics
    states, metrics = {}, {}
    for count in (1, 2):
        # The large epsilon keeps Adam from blowing up the rounding of gradients that are zero in exact arithmetic.
        step, state = prepare(toy_network(), micro_batches=count, epsilon=1e-3)
        states[count], metrics[count] = step(state, twice)
    assert metrics[1].keys() == metrics[2].keys()
    for name, value in metrics[1].items():
        np.testing.assert_allclose(metrics[2][name], value, rtol=1e-5, err_msg=name)
    whole = arrays(states[1].params)
    for path, value in arrays(states[2].params).items():
        np.testing.assert_allclose(value, whole[path], atol=1e-6, err_msg=path)


@pytest.mark.slow
def test_micro_batches_take_every_row_once_and_move_the_running_statistics_in_turn():
    batch = toy_batch()
    step, state = prepare(toy_network(), micro_batches=2)
    parts, part_metrics = [], []
    single, running = prepare(toy_network(), learning_rate=1e-30)
    for k in range(2):
        running, metrics = single(running, jax.tree.map(operator.itemgetter(slice(k, k + 1)), batch))
        parts.append(running)
        part_metrics.append(metrics)
    expected = arrays(parts[-1].stats)
    state, metrics = step(state, batch)
    assert step._cache_size() == 1
    np.testing.assert_allclose(metrics["loss"], np.mean([float(m["loss"]) for m in part_metrics]), rtol=1e-5)
    for path, value in arrays(state.stats).items():
        np.testing.assert_allclose(value, expected[path], rtol=1e-5, err_msg=path)
    assert arrays(state.stats)["norm/count"] == 4  # two windows of each of two clips


def test_a_batch_that_cannot_be_cut():
    step, state = prepare(toy_network(), micro_batches=3)
    with pytest.raises(UserError, match=r"micro_batches is 3, but a batch has 2 clips.*multiple of 3"):
        step(state, toy_batch())


def test_the_running_mean_follows_the_parameters_and_the_statistics():
    step, state = prepare(toy_network(), ema_decay=0.75)
    mean = arrays(state.ema)
    for _ in range(3):
        state, _ = step(state, toy_batch())
        for path, value in (arrays(state.params) | arrays(state.stats)).items():
            mean[path] = value if path.endswith("/count") else 0.75 * mean[path] + 0.25 * value
    for path, value in arrays(state.ema).items():
        np.testing.assert_allclose(value, mean[path], rtol=1e-5, atol=1e-7)
