import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from linear_resize import linear_resize

from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.model_folder import abstract_model
from jvlgs_jax.models.jvlgs import JvlgsConfig
from jvlgs_jax.models.multi_scale import InputSizes

pytestmark = pytest.mark.usefixtures("compiled_quickly")
MAIN, COARSE = (64, 96), (32, 64)
NORMALIZE = input_planes("temporal").normalize


@pytest.fixture(scope="module")
def model(randomized):
    model = randomized(abstract_model(JvlgsConfig.tiny()))
    model.eval()
    return model


@pytest.fixture(scope="module")
def text():
    return jnp.asarray(np.random.default_rng(1).normal(size=(4, JvlgsConfig.tiny().text.width)), jnp.float32)


@pytest.fixture(scope="module")
def planes():
    """A clip of four frames, so that there are two windows."""
    return np.random.default_rng(2).uniform(0, 255, (1, 4, *MAIN, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def network(model, text):
    """What the network says of planes at their own size."""
    return nnx.jit(lambda x: model(NORMALIZE(x), text).logits)


@pytest.mark.slow
def test_two_looks_say_the_larger_of_what_each_says(model, text, planes, network):
    sizes = InputSizes(MAIN, COARSE)
    found = jax.jit(lambda x: sizes.segment(model, sizes.encode(model, x, NORMALIZE), text))(planes)
    own = np.asarray(network(planes))
    coarse = linear_resize(np.asarray(network(linear_resize(planes, COARSE))), MAIN)
    assert 0.05 < (coarse > own).mean() < 0.95
    np.testing.assert_allclose(found, np.maximum(own, coarse), atol=1e-3 * own.std())


@pytest.mark.slow
def test_one_look_is_the_network_bit_by_bit(model, text, planes, network):
    sizes = InputSizes(MAIN)
    found = jax.jit(lambda x: sizes.segment(model, sizes.encode(model, x, NORMALIZE), text))(planes)
    np.testing.assert_array_equal(found, network(planes))


def test_features_of_the_main_look_come_first(model, planes):
    sizes = InputSizes(MAIN, COARSE)
    shapes = nnx.eval_shape(lambda net: sizes.encode(net, jnp.asarray(planes), NORMALIZE), model)
    assert [level.shape[:4] for level in shapes] == [
        *((1, 4, 64 // stride, 96 // stride) for stride in (8, 16, 32)),
        *((1, 4, 32 // stride, 64 // stride) for stride in (8, 16, 32)),
    ]
    maps = [jnp.full(level.shape, float(number)) for number, level in enumerate(shapes)]
    assert [level.max() for level in sizes.main_features(maps)] == [0, 1, 2]
    assert len(InputSizes(MAIN).main_features(maps[:3])) == 3


@pytest.mark.parametrize(
    ("coarse", "message"),
    [
        ((32, 40), "coarse size is 32x40, both must be above 0 and divisible by 32"),
        ((0, 32), "coarse size is 0x32, both must be above 0"),
        ((-32, 32), "coarse size is -32x32, both must be above 0"),
        ((64, 128), "coarse size is 64x128, larger than the input size, 64x96: choose a smaller coarse size"),
        ((96, 64), "coarse size is 96x64, larger than the input size, 64x96"),
    ],
)
def test_a_coarse_size_that_does_not_go_with_the_main_one_is_refused(coarse, message):
    with pytest.raises(UserError, match=message):
        InputSizes(MAIN, coarse)


def test_sizes_are_written_as_options_take_them():
    assert str(InputSizes(MAIN)) == "64x96"
    assert str(InputSizes(MAIN, COARSE)) == "64x96 and 32x64"
