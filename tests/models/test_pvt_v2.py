from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.errors import UserError
from jvlgs_jax.models.pvt_v2 import (
    REMAT_POLICIES,
    PvtV2,
    PvtV2Config,
    Stage,
    count_parameters,
    gelu,
    patch_projection,
)

# Millions of parameters with the 1000-class head: Table 1 of Wang et al. 2022 (arXiv:2106.13797).
PAPER = {"b0": 3.4, "b1": 13.1, "b2": 25.4, "b3": 45.2, "b4": 62.6, "b5": 82.0}


@pytest.mark.parametrize("name", PAPER)
def test_size_is_the_papers(name):
    config = PvtV2Config.variant(name)
    encoder = nnx.eval_shape(lambda: PvtV2(config, rngs=nnx.Rngs(0)))
    head = 1000 * (config.dims[-1] + 1)
    # the paper's b0 and b1 are counted a little lower than its released program builds them
    assert (count_parameters(encoder) + head) / 1e6 == pytest.approx(PAPER[name], rel=0.005 if name > "b1" else 0.1)


@pytest.mark.slow
def test_maps_have_strides_4_to_32(randomized):
    config = PvtV2Config.tiny()
    encoder = randomized(nnx.eval_shape(lambda: PvtV2(config, rngs=nnx.Rngs(0))))
    maps = encoder(jnp.zeros((2, 64, 96, 3)))
    assert [x.shape for x in maps] == [
        (2, 64 // stride, 96 // stride, dim) for stride, dim in zip((4, 8, 16, 32), config.dims, strict=True)
    ]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (
            {"dims": (64, 128, 320)},
            r"dims is \(64, 128, 320\), it must be 4 numbers.*\(64, 128, 320, 512\)",
        ),
        ({"depths": (3, 0, 40, 3)}, r"depths is \(3, 0, 40, 3\), it must be 4 numbers of 1 or more"),
        ({"heads": (3, 2, 5, 8)}, r"dims is \(64, .*a multiple of its number in heads, \(3, 2, 5, 8\)"),
        ({"reductions": (3, 4, 2, 1)}, r"reductions is \(3, 4, 2, 1\), each must divide .*\(8, 4, 2, 1\): use those"),
    ],
)
def test_sizes_that_no_network_can_have(sizes: dict, message: str):
    with pytest.raises(UserError, match=f"model.encoder.{message}"):
        PvtV2Config(**sizes)


def test_refuses_sizes_that_do_not_divide():
    encoder = nnx.eval_shape(lambda: PvtV2(PvtV2Config.tiny(), rngs=nnx.Rngs(0)))
    with pytest.raises(ValueError, match="64 x 100 pixels, but both must be divisible by 32"):
        nnx.eval_shape(lambda encoder: encoder(jnp.zeros((1, 64, 100, 3))), encoder)


@pytest.mark.slow
def test_scanned_blocks_run_in_order(randomized):
    config = PvtV2Config(dims=(8, 8, 8, 8), depths=(3, 1, 1, 1), heads=(2, 1, 1, 1), reductions=(2, 1, 1, 1))
    stage = randomized(nnx.eval_shape(lambda: Stage(config, 0, rngs=nnx.Rngs(0))))
    frames = jax.random.normal(jax.random.key(0), (1, 16, 16, 3))
    graphdef, stacked = nnx.split(stage.blocks)
    x = stage.patch_embed(frames)
    for layer in range(3):
        x = nnx.merge(graphdef, jax.tree.map(lambda leaf, layer=layer: leaf[layer], stacked))(x)
    np.testing.assert_allclose(stage(frames), stage.norm(x), atol=1e-5)


def test_patch_projection_is_the_strided_convolution(randomized):
    layer = randomized(nnx.eval_shape(lambda: nnx.Conv(5, 7, (4, 4), (4, 4), padding="VALID", rngs=nnx.Rngs(0))))
    x = jax.random.normal(jax.random.key(0), (2, 8, 12, 5))
    np.testing.assert_allclose(patch_projection(x, layer), layer(x), atol=1e-5)


def test_gelu_is_the_exact_one():
    x = jnp.linspace(-8, 8, 1001)
    exact = partial(jax.nn.gelu, approximate=False)
    np.testing.assert_allclose(gelu(x), exact(x), atol=1e-6)
    np.testing.assert_allclose(jax.vmap(jax.grad(gelu))(x), jax.vmap(jax.grad(exact))(x), atol=1e-6)


@pytest.mark.slow
def test_remat_keeps_less_and_changes_no_value(randomized):
    config = PvtV2Config(dims=(4,) * 4, depths=(3,) * 4, heads=(2,) * 4, mlp_ratios=(2,) * 4, reductions=(2, 2, 2, 1))
    stage = randomized(nnx.eval_shape(lambda: Stage(config, 1, rngs=nnx.Rngs(0))))
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 8, 8, 4)), jnp.float32)
    gradients, kept = {}, {}
    for remat in REMAT_POLICIES:
        stage.set_attributes(remat=remat)
        graphdef, params = nnx.split(stage)

        def loss(params: nnx.State, graphdef: nnx.GraphDef = graphdef) -> jax.Array:
            return jnp.sin(nnx.merge(graphdef, params)(x)).sum()

        gradients[remat] = jax.jit(jax.value_and_grad(loss))(params)
        backward = jax.eval_shape(lambda params, loss=loss: jax.vjp(loss, params)[1], params)
        kept[remat] = sum(leaf.size for leaf in jax.tree.leaves(backward))
    for remat in ("full", "dots"):
        expected = gradients["none"]
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), gradients[remat], expected)
    assert kept["full"] < kept["dots"] < kept["none"]
