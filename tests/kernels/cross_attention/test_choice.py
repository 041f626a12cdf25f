import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.kernels.cross_attention import cross_attention, cudnn
from jvlgs_jax.kernels.cross_attention.implementations import best, find_implementation
from jvlgs_jax.kernels.cross_attention.shapes import network_shapes

SHAPES = {shape.name.split(",")[0]: shape for shape in network_shapes("b5", (352, 352), 8)}


def shaped(name: str, dtype: str = "bfloat16") -> list[jax.ShapeDtypeStruct]:
    return [jax.ShapeDtypeStruct(x, jnp.dtype(dtype)) for x in SHAPES[name].arrays().values()]


@pytest.mark.parametrize(
    ("platform", "name", "dtype", "implementation"),
    [
        ("cpu", "b5 stage 1", "bfloat16", "xla"),
        ("tpu", "b5 stage 1", "bfloat16", "pallas_tpu"),
        ("tpu", "b5 stage 4", "float32", "pallas_tpu"),
        ("tpu", "correlation 1", "bfloat16", "pallas_tpu"),
        ("tpu", "correlation 3", "bfloat16", "xla"),  # one key
        ("tpu", "prompts 1", "bfloat16", "packed"),  # four keys
        ("cpu", "prompts 1", "float32", "packed"),
        ("tpu", "b5 stage 1", "float16", "xla"),
        ("cuda", "b5 stage 1", "bfloat16", "cudnn"),
        ("cuda", "correlation 1", "bfloat16", "cudnn"),  # values narrower than keys
        ("cuda", "correlation 3", "bfloat16", "xla"),
        ("cuda", "prompts 1", "bfloat16", "packed"),
        ("cuda", "b5 stage 1", "float32", "xla"),
        ("rocm", "b5 stage 1", "bfloat16", "xla"),
    ],
)
def test_the_best_on_each_platform(platform, name, dtype, implementation, monkeypatch):
    monkeypatch.setattr(cudnn, "is_here", lambda: True)
    assert best(platform, *shaped(name, dtype)) == implementation


def test_a_program_for_a_gpu_made_without_one_has_no_cudnn():
    assert best("cuda", *shaped("b5 stage 1")) == "xla"


@pytest.mark.parametrize("name", ["b5 stage 1", "correlation 1"])
def test_a_program_holds_what_its_platform_wants(name: str):
    def gradients(query, key, value):
        return jax.grad(lambda *x: cross_attention(*x, scale=0.1).astype(jnp.float32).sum(), (0, 1, 2))(
            query, key, value
        )

    exported = {
        platform: jax.export.export(jax.jit(gradients), platforms=[platform])(*shaped(name)).mlir_module()
        for platform in ("cpu", "tpu", "cuda")
    }
    assert len(re.findall(r"@tpu_custom_call", exported["tpu"])) == 1  # the output itself is not asked for
    assert "dot_general" not in exported["tpu"]
    for platform in ("cpu", "cuda"):
        assert "custom_call" not in exported[platform]
        assert "dot_general" in exported[platform]


def test_an_unknown_name_gets_the_nearest():
    message = r"unknown attention 'palas_tpu': did you mean 'pallas_tpu'\? The choices are auto, reference, xla,"
    with pytest.raises(UserError, match=message):
        find_implementation("palas_tpu")


def test_a_device_that_cannot_run_it_is_named():
    with pytest.raises(UserError, match="attention 'pallas_tpu' runs on tpu, but the devices are cpu: use 'auto'"):
        find_implementation("pallas_tpu", "cpu")
    assert find_implementation("xla", "cpu") is find_implementation("xla", "tpu")


@pytest.mark.parametrize(
    ("query", "key", "value", "message"),
    [
        ((1, 5, 2, 8), (1, 3, 2, 4), (1, 3, 2, 8), r"key: shape \(1, 3, 2, 4\) differs from the query's"),
        ((1, 5, 2, 8), (1, 3, 2, 8), (1, 4, 2, 8), r"value: shape \(1, 4, 2, 8\) differs from the key's"),
        ((5, 8), (3, 8), (3, 8), r"query: shape \(5, 8\), but it must end in positions, heads and lanes"),
        ((1, 5, 2, 8), (1, 0, 2, 8), (1, 0, 2, 8), r"key: shape \(1, 0, 2, 8\), but it must not be empty"),
        ((0, 5, 2, 8), (0, 3, 2, 8), (0, 3, 2, 8), r"query: shape \(0, 5, 2, 8\), but it must not be empty"),
    ],
)
def test_shapes_that_do_not_go_together_name_the_array(query, key, value, message):
    arrays = [jnp.zeros(shape) for shape in (query, key, value)]
    with pytest.raises(ValueError, match=message):
        cross_attention.__wrapped__(*arrays, scale=1.0)  # past the annotations, which only tests check


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_no_scale_is_refused(scale: float):
    x = jnp.zeros((1, 4, 2, 8))
    with pytest.raises(ValueError, match=f"scale: {scale}, but it must be positive and finite"):
        cross_attention(x, x, x, scale=scale)


@pytest.mark.parametrize(
    ("implementation", "keys", "dtype", "message"),
    [
        ("pallas_tpu", 100_000, "float32", "pallas_tpu: key: 100000 positions of 2 heads x 64 do not fit"),
        ("pallas_tpu", 10, "float16", "pallas_tpu: query is float16, but must be float32 or bfloat16"),
        ("cudnn", 10, "float32", "cudnn: query, key and value are float32, but must be bfloat16 or float16"),
    ],
)
def test_what_an_implementation_refuses(implementation, keys, dtype, message):
    query, key = jnp.zeros((1, 4, 2, 64), dtype), jnp.zeros((1, keys, 2, 64), dtype)
    with pytest.raises(ValueError, match=message):
        cross_attention(query, key, key, scale=1.0, implementation=implementation)


@pytest.mark.parametrize(
    ("queries", "keys", "given"),
    [(6, 4, (6, 4)), (5, 4, (6, 4)), (6, 3, (6, 4))],  # odd numbers of rows have no gradient by cuDNN
)
def test_cudnn_gets_values_as_wide_as_keys_and_even_numbers_of_both(monkeypatch, queries, keys, given):
    # Stands in for cuDNN, which is not here, by JAX's own other form of the same function.
    asked = []

    def attention(query, key, value, *, implementation, **options):
        asked.append((query.shape, key.shape, value.shape, implementation))
        return original(query, key, value, implementation="xla", **options)

    original = jax.nn.dot_product_attention
    monkeypatch.setattr(jax.nn, "dot_product_attention", attention)
    rng = np.random.default_rng(0)
    shapes = [(2, 3, queries, 1, 16), (2, 3, keys, 1, 16), (2, 3, keys, 1, 8)]
    query, key, value = (jnp.asarray(rng.standard_normal(shape), jnp.bfloat16) for shape in shapes)

    @jax.jit
    def both(*arrays):
        return [cross_attention(*arrays, scale=0.5, implementation=name) for name in ("cudnn", "reference")]

    found, wanted = both(query, key, value)
    rows, columns = given
    assert asked == [((6, rows, 1, 16), (6, columns, 1, 16), (6, columns, 1, 16), "cudnn")]
    np.testing.assert_allclose(np.float32(found), np.float32(wanted), atol=2e-2)
