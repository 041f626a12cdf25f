import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.interop.parameters import flatten
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig
from jvlgs_jax.models.pvt_v2 import PvtV2Config
from jvlgs_jax.training.layer_decay import layer_rates
from jvlgs_jax.training.optimizer import OptimizerConfig, make_optimizer


@pytest.fixture(scope="module")
def params() -> nnx.State:
    """The network's parameters, all zeros; its encoder has 1, 1, 2 and 1 blocks."""
    abstract = nnx.state(nnx.eval_shape(lambda: Jvlgs(JvlgsConfig.tiny(), rngs=nnx.Rngs(0))), nnx.Param)
    return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), abstract)


@pytest.mark.slow
def test_each_block_learns_less_than_the_next(params: nnx.State):
    assert PvtV2Config.tiny().depths == (1, 1, 2, 1)
    rates = flatten(layer_rates(params, 0.5))
    stages = "video_encoder/stages"
    for stage, powers in enumerate(([5], [4], [3, 2], [1])):
        of_blocks = rates[f"{stages}/{stage}/blocks/mlp/expand/kernel"]
        np.testing.assert_allclose(of_blocks.ravel(), 0.5 ** np.array(powers))
        np.testing.assert_allclose(rates[f"{stages}/{stage}/patch_embed/projection/bias"], 0.5 ** powers[0])
        np.testing.assert_allclose(rates[f"{stages}/{stage}/norm/scale"], 0.5 ** powers[-1])
    for path, rate in rates.items():
        if not path.startswith("video_encoder/"):
            assert rate == 1, path


def test_frozen_stages_are_not_counted(params: nnx.State):
    trained = nnx.filter_state(params, lambda path, _: path[:3] != ("video_encoder", "stages", 3))
    np.testing.assert_allclose(flatten(layer_rates(trained, 0.5))["video_encoder/stages/2/norm/bias"], 0.5)


def test_the_rates_multiply_whole_updates():
    """Also AdamW's shrinking: a layer that learns less also forgets less."""
    params = {"video_encoder": {"stages": {0: {"blocks": {"kernel": jnp.ones((3, 2))}}}}, "head": jnp.ones(2)}

    def updates(layer_decay: float) -> dict:
        optimizer = make_optimizer(OptimizerConfig(name="adamw", layer_decay=layer_decay), 10)
        return optimizer.update(jax.tree.map(jnp.negative, params), optimizer.init(params), params)[0]

    rates = layer_rates(params, 0.8)
    np.testing.assert_allclose(rates["video_encoder"]["stages"][0]["blocks"]["kernel"][:, 0], [0.8**3, 0.8**2, 0.8])
    expected = jax.tree.map(jnp.multiply, updates(1.0), rates)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), updates(0.8), expected)
