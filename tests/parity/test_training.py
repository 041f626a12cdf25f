"""One training step of the published program: loss, gradients, BatchNorm statistics and the loss after it."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jvlgs_jax.interop.convert import to_published
from jvlgs_jax.interop.parameters import flatten
from jvlgs_jax.training.losses import structure_loss_published
from jvlgs_jax.training.optimizer import OptimizerConfig, make_optimizer

pytestmark = pytest.mark.slow
FROZEN = np.load(Path(__file__).with_name("training.npz"))
NORMS = dict(zip(FROZEN["grad_norm_names"], FROZEN["grad_norms"], strict=True))
NORM_BOUND = 1e-3  # relative
NORM_FLOOR = 1e-6 * max(NORMS.values())  # some gradients are zero in exact arithmetic


class Step:
    """Loss, gradients, statistics and features of one pass in training mode, optionally with noise on the features."""

    def __init__(self, case):
        self.case = case
        case.model.train()
        self.graphdef, self.params, self.stats = nnx.split(case.model, nnx.Param, ...)
        self.run = jax.jit(self._run)

    def _run(self, params, clip, mask, noise):
        def loss_fn(params):
            model = nnx.merge(self.graphdef, params, self.stats, copy=True)
            features = model.encode_video(clip)
            noisy = jax.tree.map(jnp.add, features, noise)
            output = model.segment(noisy, model.encode_text(self.case.tokens), clip.shape[2:4])
            loss = structure_loss_published(output.logits, mask).total
            return loss, (output.logits, nnx.state(model, nnx.BatchStat), features)

        return jax.value_and_grad(loss_fn, has_aux=True)(params)

    def __call__(self, noise=(0.0, 0.0, 0.0)):
        (loss, (logits, stats, features)), grads = self.run(self.params, self.case.clip, self.case.mask, list(noise))
        gradients = to_published(self.case.config, flatten(grads))
        return float(loss), logits, stats, features, grads, gradients


def _norms(gradients) -> dict[str, float]:
    return {name: float(np.linalg.norm(np.asarray(gradients[name], np.float64))) for name in NORMS}


def _relative(found: dict[str, float], reference: dict[str, float]) -> dict[str, float]:
    return {name: abs(found[name] - reference[name]) / max(NORMS[name], NORM_FLOOR) for name in NORMS}


@pytest.fixture(scope="module")
def float32_step(make_case):
    step = Step(make_case(np.float32))
    return step, step()


def test_loss_and_logits(float32_step):
    _, (loss, logits, *_) = float32_step
    assert loss == pytest.approx(float(FROZEN["loss"]), rel=1e-5)
    coarse = np.asarray(logits)[:, 0, ::8, ::8]
    assert np.abs(coarse - FROZEN["train_logits"]).max() <= 1e-4 * FROZEN["train_logits/std"]


def test_running_statistics_follow_the_published_order_of_passes(float32_step):
    step, (_, _, stats, *_) = float32_step
    found = to_published(step.case.config, flatten(stats))
    names = [name for name in FROZEN.files if name.startswith("bn/")]
    assert len(names) == 2 * sum(name.endswith("running_mean") for name in found)
    for name in names:
        frozen = FROZEN[name]
        error = np.abs(found[name.removeprefix("bn/")] - frozen).max() / np.abs(frozen).max()
        assert error <= 1e-5, name


def test_loss_after_one_adam_step(float32_step):
    step, (_, _, stats, _, grads, _) = float32_step
    optimizer = make_optimizer(OptimizerConfig(), 1)

    @jax.jit  # one program in place of one for each shape and operation
    def stepped(params, grads):
        updates, _ = optimizer.update(grads, optimizer.init(params))
        return optax.apply_updates(params, updates)

    model = nnx.merge(step.graphdef, stepped(step.params, grads), stats)
    model.eval()
    output = nnx.jit(lambda model, clip, tokens: model(clip, model.encode_text(tokens)))(
        model, step.case.clip, step.case.tokens
    )
    loss = float(structure_loss_published(output.logits, step.case.mask).total)
    assert loss == pytest.approx(float(FROZEN["loss_after_step"]), rel=1e-3)


def _module(name: str) -> str:
    return ".".join(name.split(".")[:3])


def test_gradients(make_case, float32_step, float32_noise):
    """Within 1e-3 of the published norms, or no further than float32 noise in the features moves them in float64."""
    with jax.enable_x64(True):
        step = Step(make_case(np.float64))
        *_, features, _, gradients = step([np.zeros(x.shape) for x in float32_step[1][3]])  # as shaped as noise
        exact = _norms(gradients)
        draws = [_relative(_norms(step(float32_noise(features, seed))[-1]), exact) for seed in range(2)]
    noise: dict[str, float] = {}  # by module: two draws are too few for each parameter by itself
    for name in NORMS:
        noise[_module(name)] = max(noise.get(_module(name), 0.0), *(draw[name] for draw in draws))
    bound = {name: max(NORM_BOUND, 3 * noise[_module(name)]) for name in NORMS}
    for found in (exact, _norms(float32_step[1][-1])):
        error = _relative(found, NORMS)
        assert not {name: (error[name], bound[name]) for name in NORMS if error[name] > bound[name]}
    for name in FROZEN.files:
        if name.startswith("grad/"):  # frozen after the published clamp to +-0.5
            key = name.removeprefix("grad/")
            ours = np.clip(gradients[key], -0.5, 0.5)
            assert np.abs(ours - FROZEN[name]).max() <= bound[key] * np.abs(FROZEN[name]).max(), key
