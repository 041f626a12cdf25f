"""Every implementation that runs without its device, against the definition."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu
from jax.test_util import check_grads

from jvlgs_jax.kernels.cross_attention import cross_attention, pallas_tpu, reference
from jvlgs_jax.kernels.cross_attention.block_sizes import BlockSizes
from jvlgs_jax.kernels.cross_attention.shapes import AttentionShape, all_shapes, network_shapes

SCALE = 0.3
TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2}  # of the largest number in the result
FEW = BlockSizes(forward=16, backward=16)  # several blocks of few queries
RAGGED = AttentionShape(name="ragged", batch=2, queries=37, keys=11, heads=3, width=64, value_width=32)
ONE_KEY = AttentionShape(name="one key", batch=1, queries=5, keys=1, heads=2, width=8, value_width=4)
# b5's, with all correlations and prompts, and of b0, whose heads are narrower, a stage with half-filled registers.
NAMED = [*network_shapes("b5", (352, 352), 1), network_shapes("b0", (256, 320), 1)[4]]
# The rest but for b2, which attends as b5 does, and for more of the same rows.
THE_OTHERS = [
    shape
    for shape in all_shapes()
    if shape.name.endswith("batch 1") and not shape.name.startswith("b2") and shape not in NAMED
]
SCALED_DOWN = [shape.smaller(queries=45, keys=30) for shape in NAMED]


def arrays_of(shape: AttentionShape, dtype: str = "float32") -> list[jax.Array]:
    """Query, key, value and the gradient of the output."""
    rng = np.random.default_rng(0)
    shapes = [*shape.arrays().values(), (shape.batch, shape.queries, shape.heads, shape.value_width)]
    return [jnp.asarray(rng.standard_normal(x), dtype) for x in shapes]


def run(attend, query, key, value, upstream):
    """Output and gradients."""
    out, pullback = jax.vjp(attend, query, key, value)
    return out, *pullback(upstream)


def by_hand(query, key, value, upstream):
    """The same in NumPy's float64, from formulas."""
    query, key, value, upstream = (np.asarray(x, np.float64) for x in (query, key, value, upstream))
    scores = SCALE * np.einsum("bnhd,bmhd->bhnm", query, key)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    along = np.einsum("bnhe,bmhe->bhnm", upstream, value)
    slope = SCALE * weights * (along - (weights * along).sum(-1, keepdims=True))
    return (
        np.einsum("bhnm,bmhe->bnhe", weights, value),
        np.einsum("bhnm,bmhd->bnhd", slope, key),
        np.einsum("bhnm,bnhd->bmhd", slope, query),
        np.einsum("bhnm,bnhe->bmhe", weights, upstream),
    )


def assert_close(found, wanted, dtype: str = "float32") -> None:
    for name, a, b in zip(("output", "query", "key", "value"), found, wanted, strict=True):
        assert a.dtype == jnp.dtype(dtype)
        error = np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)).max()
        assert error <= TOLERANCE[dtype] * max(np.abs(np.asarray(b, np.float64)).max(), 1), name


def interpret_in_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pl, "pallas_call", partial(pl.pallas_call, interpret=True))
    monkeypatch.setattr(pallas_tpu, "block_sizes", lambda *arrays: FEW)


@pytest.fixture(params=["reference", "xla", "packed", "pallas_tpu"])
def attend(request, monkeypatch):
    """Attention by one implementation; the TPU's kernels are interpreted, many blocks long."""
    if request.param == "pallas_tpu":
        interpret_in_few_rows(monkeypatch)
    return partial(cross_attention, scale=SCALE, implementation=request.param)


class TestEveryImplementation:
    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_ragged_shapes(self, attend, dtype: str):
        arrays = arrays_of(RAGGED, dtype)
        assert_close(jax.jit(partial(run, attend))(*arrays), by_hand(*arrays), dtype)

    def test_one_key_returns_its_value(self, attend):
        query, key, value, upstream = arrays_of(ONE_KEY)
        out, of_query, of_key, of_value = jax.jit(partial(run, attend))(query, key, value, upstream)
        np.testing.assert_allclose(out, np.broadcast_to(value, out.shape), rtol=1e-6)
        np.testing.assert_allclose(of_query, 0, atol=1e-6)
        np.testing.assert_allclose(of_key, 0, atol=1e-6)
        np.testing.assert_allclose(of_value, upstream.sum(1, keepdims=True), rtol=1e-5)

    def test_large_scores_choose_one_key(self, attend):
        query, key, value, upstream = arrays_of(RAGGED)
        found = jax.jit(partial(run, attend))(1e4 * query, 1e4 * key, value, upstream)
        scores = np.einsum("bnhd,bmhd->bnhm", *(np.asarray(x, np.float64) for x in (query, key)))
        chosen = scores.argmax(-1)[..., None]  # (b, n, h, 1)
        wanted = np.take_along_axis(np.asarray(value).swapaxes(1, 2)[:, None], chosen[..., None], axis=3)[..., 0, :]
        np.testing.assert_allclose(found[0], wanted, atol=1e-6)
        for x in found[1:]:
            assert np.isfinite(x).all()

    @pytest.mark.slow
    @pytest.mark.parametrize("wide", ["query", "key", "value"])
    def test_each_gradient_has_the_dtype_of_its_array(self, attend, request, wide: str):
        if "pallas_tpu" in request.node.name:
            pytest.skip("the kernels refuse arrays of different dtypes")
        arrays = dict(zip(("query", "key", "value"), arrays_of(RAGGED, "bfloat16"), strict=False))
        arrays[wide] = arrays[wide].astype(jnp.float32)
        out, pullback = jax.vjp(attend, *arrays.values())
        assert [x.dtype for x in pullback(out)] == [x.dtype for x in arrays.values()]
        exact = by_hand(*arrays.values(), out)
        for found, wanted in zip(pullback(out), exact[1:], strict=True):
            assert np.abs(np.asarray(found, np.float64) - wanted).max() <= TOLERANCE["bfloat16"] * np.abs(wanted).max()

    @pytest.mark.slow
    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    @pytest.mark.parametrize("shape", SCALED_DOWN, ids=lambda shape: shape.name)
    def test_named_shapes_scaled_down(self, attend, shape: AttentionShape, dtype: str):
        arrays = arrays_of(shape, dtype)
        assert_close(jax.jit(partial(run, attend))(*arrays), by_hand(*arrays), dtype)

    @pytest.mark.slow
    @settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.integers(1, 2), *(st.integers(1, 40) for _ in range(2)), st.integers(1, 5), *[st.integers(1, 70)] * 2)
    def test_any_shape(self, attend, batch, queries, keys, heads, width, value_width):
        shape = AttentionShape(
            name="drawn", batch=batch, queries=queries, keys=keys, heads=heads, width=width, value_width=value_width
        )
        arrays = arrays_of(shape)
        assert_close(jax.jit(partial(run, attend))(*arrays), by_hand(*arrays))

    @pytest.mark.slow
    def test_vmap(self, attend):
        stacked = [jnp.stack([x, 0.5 * x, -x]) for x in arrays_of(RAGGED)]
        found = jax.jit(jax.vmap(partial(run, attend)))(*stacked)
        for row in range(3):
            assert_close([x[row] for x in found], by_hand(*(x[row] for x in stacked)))

    @pytest.mark.slow
    def test_remat_and_scan(self, attend):
        query, key, value, upstream = arrays_of(RAGGED)
        steps = jnp.asarray([1.0, 0.5, -1.0])

        def summed(query, key, value):
            @jax.checkpoint
            def step(total, scale):
                return total + attend(scale * query, key, value), None

            return jax.lax.scan(step, jnp.zeros_like(upstream), steps)[0]

        found = jax.jit(partial(run, summed))(query, key, value, upstream)
        each = [by_hand(scale * query, key, value, upstream) for scale in steps]
        wanted = [sum(x) for x in zip(*each, strict=True)]
        wanted[1] = sum(float(scale) * x[1] for scale, x in zip(steps, each, strict=True))
        assert_close(found, wanted)

    @pytest.mark.slow
    def test_gradients_match_finite_differences(self, attend, request):
        if "pallas_tpu" in request.node.name:
            pytest.skip("a TPU has no float64")
        small = AttentionShape(name="small", batch=1, queries=3, keys=2, heads=1, width=4, value_width=2)
        with jax.enable_x64(True):
            arrays = [jnp.asarray(x, jnp.float64) for x in arrays_of(small)[:3]]
            check_grads(lambda *x: attend(*map(jnp.asarray, x)), arrays, order=1, modes=["rev"])


def after_a_step(attend, query, key, value):
    """The loss after one step of gradient descent on all three, as second-order meta-learning differentiates it."""

    def loss(arrays):
        return jnp.sum(jnp.sin(attend(*arrays)))

    arrays = (query, key, value)
    return loss(jax.tree.map(lambda x, slope: x - 0.1 * slope, arrays, jax.grad(loss)(arrays)))


@pytest.mark.slow
@pytest.mark.parametrize("implementation", ["xla", "packed", "pallas_tpu", None])
def test_gradients_of_gradients_are_those_of_the_definition(monkeypatch, implementation: str | None):
    interpret_in_few_rows(monkeypatch)
    shape = AttentionShape(name="enough keys", batch=1, queries=21, keys=18, heads=2, width=8, value_width=4)
    arrays = arrays_of(shape)[:3]

    def second_order(name):
        attend = partial(cross_attention, scale=SCALE, implementation=name)
        return jax.jit(jax.grad(partial(after_a_step, attend), (0, 1, 2)))(*arrays)

    wanted = jax.grad(partial(after_a_step, partial(reference.forward, scale=SCALE)), (0, 1, 2))(*arrays)
    for found, exact in zip(second_order(implementation), wanted, strict=True):
        np.testing.assert_allclose(found, exact, atol=1e-5 * float(jnp.abs(exact).max()))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_kernels_in_tpu_interpret_mode(monkeypatch, dtype: str):
    # Unlike plain interpretation, it fills what lies past an array with NaN, and the memory of a new block as well.
    monkeypatch.setattr(pallas_tpu, "block_sizes", lambda *arrays: FEW)
    arrays = arrays_of(RAGGED, dtype)
    with pltpu.force_tpu_interpret_mode():
        found = run(partial(cross_attention, scale=SCALE, implementation="pallas_tpu"), *arrays)
    assert_close(found, by_hand(*arrays), dtype)


@pytest.mark.slow
@pytest.mark.parametrize("implementation", ["xla", "pallas_tpu"])
@pytest.mark.parametrize("shape", NAMED, ids=lambda shape: shape.name)
def test_named_shapes_in_full(monkeypatch, implementation: str, shape: AttentionShape):
    monkeypatch.setattr(pl, "pallas_call", partial(pl.pallas_call, interpret=True))
    arrays = arrays_of(shape)
    attend = partial(cross_attention, scale=SCALE, implementation=implementation)
    assert_close(jax.jit(partial(run, attend))(*arrays), by_hand(*arrays))


@pytest.mark.slow
@pytest.mark.parametrize("shape", THE_OTHERS, ids=lambda shape: shape.name)
def test_what_is_chosen_here_at_the_other_named_shapes(shape: AttentionShape):
    arrays = arrays_of(shape)
    assert_close(jax.jit(partial(run, partial(cross_attention, scale=SCALE)))(*arrays), by_hand(*arrays))


@pytest.mark.slow
def test_rows_on_eight_devices():
    program = Path(__file__).with_name("eight_devices.py")
    environment = {**os.environ, "PYTHONPATH": str(program.parents[3])}
    done = subprocess.run([sys.executable, program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["xla", "pallas_tpu", "auto", "xla", "partitioned"]
