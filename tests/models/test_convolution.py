import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from jvlgs_jax.models.convolution import DepthwiseConv3x3, conv, resize_bilinear


@pytest.mark.slow
def test_depthwise_equals_a_grouped_convolution(randomized):
    layer = randomized(nnx.eval_shape(lambda: DepthwiseConv3x3(6, rngs=nnx.Rngs(0))))
    x = jax.random.normal(jax.random.key(0), (2, 5, 7, 6))

    def grouped(kernel, x):
        dimensions = ("NHWC", "HWIO", "NHWC")
        kernel = kernel[:, :, None]
        return lax.conv_general_dilated(
            x, kernel, (1, 1), ((1, 1), (1, 1)), dimension_numbers=dimensions, feature_group_count=6
        )

    expected, pullback = jax.vjp(grouped, layer.kernel[...], x)
    np.testing.assert_allclose(layer(x), expected + layer.bias[...], atol=1e-5)
    by_kernel, by_input = pullback(2 * layer(x))
    for_layer, for_x = nnx.grad(lambda layer, x: (layer(x) ** 2).sum(), argnums=(0, 1))(layer, x)
    np.testing.assert_allclose(for_layer["kernel"][...], by_kernel, rtol=1e-4)
    np.testing.assert_allclose(for_x, by_input, atol=1e-4)


@pytest.mark.parametrize(("size", "stride", "expected"), [(7, 4, 56), (3, 2, 112), (3, 1, 224)])
def test_strided_convolution_pads_both_sides_alike(size, stride, expected):
    layer = conv(1, 1, (size, size), stride=stride, rngs=nnx.Rngs(0))
    layer.kernel[...] = jnp.ones((size, size, 1, 1))
    counts = layer(jnp.ones((1, 224, 224, 1)))[0, ..., 0]
    assert counts.shape == (expected, expected)
    # the first window loses `size // 2` rows and columns to padding, wherever the map ends
    assert counts[0, 0] == (size - size // 2) ** 2


def test_bilinear_has_half_pixel_centres():
    ramp = jnp.arange(4.0).reshape(1, 1, 4, 1)
    wide = resize_bilinear(ramp, (1, 8))[0, 0, :, 0]
    np.testing.assert_allclose(wide, [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3], atol=1e-6)


def test_bilinear_does_not_average_when_it_shrinks():
    line = jnp.arange(8.0).reshape(1, 1, 8, 1) ** 2
    small = resize_bilinear(line, (1, 2))[0, 0, :, 0]
    np.testing.assert_allclose(small, [(1 + 4) / 2, (25 + 36) / 2], atol=1e-5)
