import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fewshot.toy import ToyForward, pretrained, site, support, with_params
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.gradient_descent import GradientDescent
from jvlgs_jax.fewshot.inner_loop import InnerConfig, adapt
from jvlgs_jax.fewshot.methods import adaptation_method
from jvlgs_jax.fewshot.parametrization import DECODER, SomeParameters
from jvlgs_jax.fewshot.pool import make_pool
from jvlgs_jax.training.losses import structure_loss_published

FORWARD = ToyForward()


def test_it_does_what_the_inner_loop_of_meta_training_does():
    pool = make_pool(support(site(-30.0), [44, 60, 75]).frames, FORWARD, pretrained(), ClipConfig(), variants=1)
    method = GradientDescent(SomeParameters(DECODER), learning_rate=0.5, steps=2)
    start, *_, last = method.candidates(FORWARD, pretrained(), pool, [0, 2])
    jax.tree.map(np.testing.assert_array_equal, start.params, pretrained().params)

    def loss(params, clips, key):
        return structure_loss_published(FORWARD.logits(with_params(params), clips[0]), clips[1]).total

    config = InnerConfig(steps=2, learning_rate=0.5, adapted=("decoder/.*",), unroll=2)
    clips = jax.tree.map(jnp.asarray, pool.batch([0, 2], [0, 0]))
    expected = adapt(loss, pretrained().params, clips, jax.random.key(0), config).params
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6), last.params, expected)
    assert not np.array_equal(last.params["decoder"]["head"]["bias"], start.params["decoder"]["head"]["bias"])


def test_where_nothing_can_be_judged_all_steps_are_taken():
    method = adaptation_method("inner_loop:steps=5,learning_rate=0.1")
    assert method.amounts == (0, 1, 2, 3, 4, 5)
    assert method.unjudged == 5


@pytest.mark.parametrize("text", ["inner_loop:steps=0", "inner_loop:learning_rate=0"])
def test_bad_settings_are_refused(text: str):
    with pytest.raises(UserError, match=r"^(steps is 0, the least is 1|learning_rate is 0\.0, it must be positive)"):
        adaptation_method(text)
