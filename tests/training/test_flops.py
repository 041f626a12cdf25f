import jax
import jax.numpy as jnp
import pytest
from jax.experimental import pallas as pl

from jvlgs_jax.training.flops import count_flops, traced_flops

MATRIX = jax.ShapeDtypeStruct((8, 8), jnp.float32)
PRODUCT = 2 * 8**3


def shape(*sizes: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(sizes, jnp.float32)


def test_a_matrix_product_with_batch_axes():
    assert (
        count_flops(lambda a, b: jnp.einsum("bij,bjk->bik", a, b), shape(3, 4, 5), shape(3, 5, 6)) == 2 * 3 * 4 * 5 * 6
    )


@pytest.mark.parametrize(("stride", "groups"), [(1, 1), (2, 1), (1, 4)])
def test_a_convolution_and_its_two_gradients_cost_the_same(stride: int, groups: int):
    def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            (stride, stride),
            [(1, 1), (1, 1)],
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=groups,
        )

    x, kernel = shape(2, 8, 8, 4), shape(3, 3, 4 // groups, 8)
    forward = 2 * (2 * (8 // stride) ** 2 * 8) * (3 * 3 * 4 // groups)
    assert count_flops(convolve, x, kernel) == forward
    both = jax.grad(lambda x, kernel: jnp.sin(convolve(x, kernel)).sum(), (0, 1))
    assert count_flops(both, x, kernel) == 3 * forward


def test_a_loop_counts_as_often_as_it_turns():
    def stack(x: jax.Array) -> jax.Array:
        return jax.lax.scan(lambda x, w: (jnp.tanh(x @ w), None), x, jnp.stack([x] * 7))[0]

    assert count_flops(stack, MATRIX) == 7 * PRODUCT
    assert count_flops(jax.grad(lambda x: stack(x).sum()), MATRIX) == 3 * 7 * PRODUCT
    assert count_flops(lambda x: jax.lax.fori_loop(0, 3, lambda _, a: stack(a), x), MATRIX) == 3 * 7 * PRODUCT


def test_what_is_computed_again_counts():
    def layer(x: jax.Array) -> jax.Array:
        return jnp.tanh(jnp.tanh(x @ x) @ x)

    kept = count_flops(jax.grad(lambda x: layer(x).sum()), MATRIX)
    assert kept == 6 * PRODUCT
    assert count_flops(jax.grad(lambda x: jax.checkpoint(layer)(x).sum()), MATRIX) == kept + 2 * PRODUCT


def test_a_choice_counts_as_its_dearest_branch():
    assert count_flops(lambda x: jax.lax.cond(x[0, 0] > 0, lambda a: a @ a @ a, lambda a: a, x), MATRIX) == 2 * PRODUCT


def test_a_custom_gradient_and_a_nested_jit_count_once():
    @jax.custom_vjp
    def square(x: jax.Array) -> jax.Array:
        return x @ x

    square.defvjp(lambda x: (x @ x, x), lambda x, t: (t @ x.T + x.T @ t,))
    assert count_flops(jax.jit(square), MATRIX) == PRODUCT
    assert count_flops(jax.grad(lambda x: square(x).sum()), MATRIX) == 3 * PRODUCT


def test_a_pallas_kernel_counts_for_every_block():
    def kernel(x, y, out):
        out[...] = jnp.dot(x[...], y[...])

    multiply = pl.pallas_call(
        kernel,
        grid=(4, 2),
        in_specs=[pl.BlockSpec((8, 16), lambda i, j: (i, 0)), pl.BlockSpec((16, 32), lambda i, j: (0, j))],
        out_specs=pl.BlockSpec((8, 32), lambda i, j: (i, j)),
        out_shape=shape(32, 64),
    )
    assert count_flops(multiply, shape(32, 16), shape(16, 64)) == 2 * 32 * 16 * 64


def test_a_traced_call_counts_the_same():
    assert traced_flops(jax.jit(lambda x: x @ x).trace(MATRIX)) == PRODUCT


def test_what_is_mapped_over_devices_counts_for_each():
    mesh = jax.sharding.AbstractMesh((4, 2), ("data", "fsdp"))
    rows = jax.sharding.PartitionSpec(("data", "fsdp"))
    multiply = jax.shard_map(lambda x: x @ x.T @ x, mesh=mesh, in_specs=rows, out_specs=rows)
    each = 2 * 2 * (2 * 2 * 16)
    assert count_flops(multiply, shape(16, 16)) == 8 * each
