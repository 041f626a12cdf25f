import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.parameters import flatten
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig
from jvlgs_jax.models.pvt_v2 import count_parameters

pytestmark = pytest.mark.usefixtures("compiled_quickly")


@pytest.fixture(scope="module")
def model(randomized):
    model = randomized(nnx.eval_shape(lambda: Jvlgs(JvlgsConfig.tiny(), rngs=nnx.Rngs(0))))
    model.eval()
    return model


@pytest.fixture(scope="module")
def segment(model):
    text = jax.random.normal(jax.random.key(1), (4, 32))
    run = nnx.jit(lambda model, clip: model(clip, text))
    return lambda clip: run(model, clip)


def _clip(frames: int, size: tuple[int, int] = (64, 96)) -> jax.Array:
    return jax.random.normal(jax.random.key(0), (2, frames, *size, 3))


@pytest.mark.slow
def test_the_published_network_has_its_published_size():
    model = nnx.eval_shape(lambda: Jvlgs(JvlgsConfig(), rngs=nnx.Rngs(0)))
    assert count_parameters(model) == 145_485_554


@pytest.mark.slow
def test_a_long_clip_gives_the_windows_of_its_triples(segment):
    clip = _clip(6)
    whole = segment(clip)
    assert whole.logits.shape == (2, 4, 64, 96, 1)
    assert whole.pair_logits.shape == (2, 4, 2, 64, 96, 1)
    for window in range(4):
        alone = segment(clip[:, window : window + 3])
        np.testing.assert_allclose(whole.logits[:, window], alone.logits[:, 0], atol=1e-4)
        np.testing.assert_allclose(whole.pair_logits[:, window], alone.pair_logits[:, 0], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(32, 32), (32, 160), (128, 64)])
def test_any_size_divisible_by_32(segment, size):
    logits = segment(_clip(3, size)).logits
    assert logits.shape == (2, 1, *size, 1)
    assert np.isfinite(logits).all()


@pytest.mark.slow
@pytest.mark.parametrize("prompts", [1, 7])
def test_any_number_of_prompts(prompts):
    config = JvlgsConfig(encoder=JvlgsConfig.tiny().encoder, text=JvlgsConfig.tiny().text, num_prompts=prompts)
    model = nnx.eval_shape(lambda: Jvlgs(config, rngs=nnx.Rngs(0)))
    run = nnx.eval_shape(lambda model: model(jnp.zeros((1, 3, 32, 32, 3)), jnp.zeros((prompts, 32))), model)
    assert run.logits.shape == (1, 1, 32, 32, 1)


@pytest.mark.slow
def test_other_parts_take_any_prompts_and_start_at_stride_2():
    config = dataclasses.replace(JvlgsConfig.tiny(), fusion="prompt_attention", decoder="fine_fpn")
    model = nnx.eval_shape(lambda: Jvlgs(config, rngs=nnx.Rngs(0)))
    maps = nnx.eval_shape(lambda model: model.encode_video(jnp.zeros((2, 4, 64, 96, 3))), model)
    sizes = zip((2, 4, 8, 16, 32), (4, 8, 8, 8, 8), strict=True)
    assert [x.shape for x in maps] == [(2, 4, 64 // s, 96 // s, channels) for s, channels in sizes]
    for prompts in (1, 5):
        run = nnx.eval_shape(lambda model, n=prompts: model(jnp.zeros((2, 4, 64, 96, 3)), jnp.zeros((n, 32))), model)
        assert run.logits.shape == (2, 2, 64, 96, 1)
        assert run.pair_logits.shape == (2, 2, 2, 64, 96, 1)


def test_refuses_two_frames_and_a_wrong_number_of_prompts(model):
    def shapes(frames: int, prompts: int):
        return nnx.eval_shape(lambda: model(jnp.zeros((1, frames, 32, 32, 3)), jnp.zeros((prompts, 32))))

    with pytest.raises(ValueError, match="2 frames, but a window needs 3"):
        shapes(frames=2, prompts=4)
    with pytest.raises(ValueError, match="3 prompts, but this network was built for 4"):
        shapes(frames=3, prompts=3)


@pytest.mark.slow
def test_training_pass_moves_every_running_statistic(model):
    model = nnx.merge(*nnx.split(model), copy=True)
    model.train()
    before = {path: leaf.copy() for path, leaf in flatten(nnx.state(model, nnx.BatchStat)).items()}
    nnx.jit(lambda model, clip: model(clip, jnp.ones((4, 32))))(model, _clip(3))
    after = flatten(nnx.state(model, nnx.BatchStat))
    assert not [path for path in before if (before[path] == after[path]).all()]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 1}, "channels is 1, the least is 2: the default is 32"),
        ({"num_prompts": 0}, "num_prompts is 0, the least is 1: the default is 4"),
        ({"fusion_heads": 0}, "fusion_heads is 0, the least is 1"),
        ({"fusion_heads": 3, "fusion": "prompt_attention"}, "channels is 32, it must be a multiple of fusion_heads, 3"),
    ],
)
def test_sizes_that_no_network_can_have(settings: dict, message: str):
    with pytest.raises(UserError, match=f"model.{message}"):
        JvlgsConfig(**settings)
